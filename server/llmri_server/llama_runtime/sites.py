"""Sites that were found in a model's graph."""

from dataclasses import dataclass

from llmri_server.edits import Place
from llmri_server.llama_runtime.recognition import EMBEDDING

RESID_PRE, RESID_POST = "resid_pre", "resid_post"

# In the order in which a model's card names them.
UNITS = {
    RESID_PRE: "residual direction",
    "resid_mid": "residual direction",
    RESID_POST: "residual direction",
    "attn_out": "direction written by attention",
    "z": "attention head component",
    "mlp_act": "MLP neuron",
    "mlp_out": "direction written by the MLP",
    "router": "expert's probability",
    "expert_out": "direction written by a chosen expert, the likeliest first",
}
OF_EXPERTS = ("router", "expert_out")  # only mixtures of experts have these
ALWAYS = frozenset(UNITS) - frozenset(OF_EXPERTS)


@dataclass(frozen=True)
class Site:
    """A site that one decode has shown in every layer.

    Attributes:
        name: Its name.
        width: Its units.
        cut: The layers in which only rows that give logits are there: the last one, or none.
        factor: What llama.cpp multiplies the values with before it adds them to the residual stream.
    """

    name: str
    width: int
    cut: frozenset[int] = frozenset()
    factor: float = 1.0


def node_of(place: Place) -> Place:
    """Give the site whose node a place is read from and written to: a block's input is another's output."""
    site, layer = place
    if site != RESID_PRE:
        return place
    return (RESID_POST, layer - 1) if layer else (EMBEDDING, 0)
