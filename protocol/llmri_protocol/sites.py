"""The sites of a transformer block: what passes there, what one unit is, and what others call it.

This is the one place that lists them. Names follow TransformerLens; an engine says where each is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

BlockSite = Literal["resid_pre", "resid_mid", "resid_post", "attn_out", "z", "mlp_act", "mlp_out"]
ExpertSite = Literal["router", "expert_out"]
SiteName = Literal[BlockSite, ExpertSite]
Part = Literal["stream", "attention", "mlp", "experts"]


@dataclass(frozen=True, kw_only=True)
class SiteEntry:
    """What is said of a site.

    Attributes:
        holds: What passes there, in words.
        unit: What one unit is.
        part: The part of the block that it belongs to.
        headed: Whether its units divide into attention heads.
        hook: What TransformerLens calls it (Nanda and Bloom 2022; `HookedTransformer`); empty without one.
    """

    holds: str
    unit: str
    part: Part
    headed: bool = False
    hook: str = ""


SITES: Mapping[SiteName, SiteEntry] = MappingProxyType(
    {
        "resid_pre": SiteEntry(
            holds="what the block reads",
            unit="residual direction",
            part="stream",
            hook="blocks.{layer}.hook_resid_pre",
        ),
        "resid_mid": SiteEntry(
            holds="what the MLP's addition adds to",
            unit="residual direction",
            part="stream",
            hook="blocks.{layer}.hook_resid_mid",
        ),
        "resid_post": SiteEntry(
            holds="what the block leaves",
            unit="residual direction",
            part="stream",
            hook="blocks.{layer}.hook_resid_post",
        ),
        "attn_out": SiteEntry(
            holds="what attention adds to the stream",
            unit="direction written by attention",
            part="attention",
            hook="blocks.{layer}.hook_attn_out",
        ),
        "z": SiteEntry(
            holds="what the heads give to the output projection",
            unit="attention head component",
            part="attention",
            headed=True,
            hook="blocks.{layer}.attn.hook_z",
        ),
        "mlp_act": SiteEntry(
            holds="the MLP's neurons after the nonlinearity",
            unit="MLP neuron",
            part="mlp",
            hook="blocks.{layer}.mlp.hook_post",
        ),
        "mlp_out": SiteEntry(
            holds="what the MLP adds to the stream",
            unit="direction written by the MLP",
            part="mlp",
            hook="blocks.{layer}.hook_mlp_out",
        ),
        "router": SiteEntry(
            holds="how likely each expert is to be chosen", unit="expert's probability", part="experts"
        ),
        "expert_out": SiteEntry(
            holds="what each chosen expert gives",
            unit="direction written by a chosen expert, the likeliest first",
            part="experts",
        ),
    }
)
BLOCK_SITES: tuple[BlockSite, ...] = get_args(BlockSite)
EXPERT_SITES: tuple[ExpertSite, ...] = get_args(ExpertSite)  # only mixtures of experts have these
STREAM = tuple(name for name, entry in SITES.items() if entry.part == "stream")
OF_MLP = tuple(name for name, entry in SITES.items() if entry.part == "mlp")
HOOKS: Mapping[str, str] = {name: entry.hook for name, entry in SITES.items() if entry.hook}


def unit_of(site: str) -> str:
    """Return what one unit of a site is."""
    return next((entry.unit for name, entry in SITES.items() if name == site), "unit")


def heads_of(site: str, width: int, heads: int) -> int:
    """Return into how many heads a site's units divide: those of the queries, each as wide as all others."""
    headed = any(entry.headed for name, entry in SITES.items() if name == site)
    return heads if headed and heads and width % heads == 0 else 0
