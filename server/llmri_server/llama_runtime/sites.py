"""Sites that were found in a model's graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmri_protocol.sites import BLOCK_SITES, EXPERT_SITES
from llmri_server.edits import Place
from llmri_server.llama_runtime.options import FlashAttention
from llmri_server.llama_runtime.recognition import EMBEDDING, NodeIdentity

RESID_PRE, RESID_MID, RESID_POST, ATTN_OUT, Z, MLP_ACT, MLP_OUT = map(str, BLOCK_SITES)
ROUTER, EXPERT_OUT = OF_EXPERTS = tuple(map(str, EXPERT_SITES))
ALWAYS = frozenset(map(str, BLOCK_SITES))


@dataclass(frozen=True)
class Site:
    """A site that one decode has shown in every layer.

    Attributes:
        name: Its name.
        width: Its units.
        cut: The layers in which only rows that give logits are there: the last one, or none.
    """

    name: str
    width: int
    cut: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Discovery:
    """What was found in a model.

    Attributes:
        sites: By name, in the order of the card.
        marks: What the node of each place is recognised by.
        absent: Why each of the other sites is not there, by name.
        flash_attention: Whether attention is computed in one piece.
    """

    sites: Mapping[str, Site]
    marks: Mapping[Place, NodeIdentity]
    absent: Mapping[str, str] = field(default_factory=dict)
    flash_attention: FlashAttention = "auto"

    def without(self, reasons: Mapping[str, str]) -> "Discovery":
        """Return the same without some sites, and why."""
        sites = {name: site for name, site in self.sites.items() if name not in reasons}
        needed = {node_of((name, layer)) for name in sites for layer in {layer for _, layer in self.marks}}
        marks = {place: mark for place, mark in self.marks.items() if place in needed}
        return Discovery(sites, marks, {**self.absent, **reasons}, self.flash_attention)


def node_of(place: Place) -> Place:
    """Return the site whose node a place is read from and written to: a block's input is another's output."""
    site, layer = place
    if site != RESID_PRE:
        return place
    return (RESID_POST, layer - 1) if layer else (EMBEDDING, 0)
