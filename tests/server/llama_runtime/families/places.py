"""Where the sites are in the blocks of transformers, by the shape of the block."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tests.server.llama_runtime.families.family import Spot

Sites = dict[str, Spot]

NO_MIDDLE = {"resid_mid": "attention and the MLP read the same input, and are added together"}
NO_NEURONS = {"mlp_act": "each expert has its own"}
NO_SHARES = {"expert_out": "what the experts write is multiplied once more when it is added up"}
NO_PROBABILITIES = {"router": "only the chosen experts' are turned into probabilities"}
NO_ATTENTION = dict.fromkeys(("attn_out", "z"), "some blocks have a state and no attention")
ONE_BRANCH = dict.fromkeys(
    ("resid_mid", "attn_out", "z", "mlp_act", "mlp_out"), "each block has one branch only"
)
NOT_EVERYWHERE = {"mlp_act": "some blocks have experts, which have their own"}
ONLY_BLOCKS = dict.fromkeys(
    ("resid_mid", "attn_out", "z", "mlp_act", "mlp_out"), "the block has no attention and no MLP"
)


def serial(
    attention: str = "self_attn",
    projection: str = "o_proj",
    middle: str = "post_attention_layernorm",
    mlp: str = "mlp",
    down: str = "down_proj",
    *,
    factor: float = 1.0,
) -> Sites:
    """A norm before each branch: attention is added, then the MLP; Llama and many others."""
    return {"resid_mid": Spot(middle, "in"), **parallel(attention, projection, mlp, down, factor=factor)}


def parallel(
    attention: str = "self_attn",
    projection: str = "o_proj",
    mlp: str = "mlp",
    down: str = "down_proj",
    *,
    factor: float = 1.0,
) -> Sites:
    """Both branches read the block's input."""
    return {
        "attn_out": Spot(attention, "out", factor),
        "z": Spot(f"{attention}.{projection}", "in"),
        "mlp_act": Spot(f"{mlp}.{down}", "in"),
        "mlp_out": Spot(mlp, "out", factor),
    }


def normed_after(middle: str, attention_norm: str, mlp_norm: str) -> Sites:
    """A norm after each branch: what is added is what comes out of it."""
    return serial(middle=middle) | {
        "attn_out": Spot(attention_norm, "out"),
        "mlp_out": Spot(mlp_norm, "out"),
    }


def without(sites: Mapping[str, Spot], absent: Mapping[str, str]) -> Sites:
    """Leave out the sites that are absent for a reason."""
    return {site: spot for site, spot in sites.items() if site not in absent}


def without_neurons(sites: Mapping[str, Spot]) -> Sites:
    """Return the sites of blocks some of which choose among experts."""
    return {site: spot for site, spot in sites.items() if site != "mlp_act"}


def mixture(
    sites: Mapping[str, Spot],
    block: str = "mlp",
    gate: str = "gate",
    experts: str = "experts",
    probability: Callable[[Tensor], Tensor] | None = None,
) -> Sites:
    """Return the sites where the MLP is chosen among experts: no neurons, but a router and its experts."""

    def router(_module: nn.Module, _args: Any, _named: Any, output: Any) -> Tensor:
        logits = (output[0] if isinstance(output, tuple) else output).float()
        return (probability or _softmax)(logits)

    return without_neurons(sites) | {
        "router": Spot(f"{block}.{gate}", "out", read=router),
        "expert_out": Spot(f"{block}.{experts}", "in", read=_written),
    }


def _softmax(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=-1)


def _written(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], _passed: Any) -> Tensor:
    """Return what each chosen expert writes, `[positions, used, width]`, the likeliest first."""
    hidden, chosen, weights = (*args, *named.values())[:3]
    likeliest = weights.argsort(dim=-1, descending=True)
    chosen, weights = chosen.gather(-1, likeliest), weights.gather(-1, likeliest)
    alone = [
        module.forward(hidden, chosen[:, [slot]], weights[:, [slot]]) for slot in range(chosen.shape[-1])
    ]
    return torch.stack([each.reshape(len(chosen), -1) for each in alone], dim=1)
