"""What the sites claim, checked against what one forward pass showed.

In a decoder block the residual stream is a sum: `resid_mid = resid_pre + attn_out` and
`resid_post = resid_mid + mlp_out`, or all three at once where the branches run in parallel (Elhage et al.,
"A Mathematical Framework for Transformer Circuits", 2021). A site that does not add up is no such site.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from llmri_server.torch_runtime.architectures import Architecture, SiteName
from llmri_server.torch_runtime.probe import Probe, Sighting
from llmri_server.torch_runtime.sums import adds_up
from llmri_server.torch_runtime.taps import Site

Layers = list[Tensor]  # one `[positions, width]` a layer
WRITTEN_BY: dict[SiteName, SiteName] = {"z": "attn_out", "mlp_act": "mlp_out"}


@dataclass(frozen=True)
class Verified:
    """The sites that are what they claim to be, and why each other one is not."""

    sites: dict[SiteName, Site]
    reasons: dict[SiteName, str]


def verify(model: PreTrainedModel, architecture: Architecture, seen: Probe) -> Verified:
    """Sort the sites into those that are what they claim to be, and those that are not."""
    values: dict[SiteName, Layers] = {}
    reasons: dict[SiteName, str] = {}
    for name, sightings in seen.sightings.items():
        layers = _rows(sightings, seen.positions)
        if isinstance(layers, str):
            reasons[name] = layers
        else:
            values[name] = layers
    reasons |= _drop(
        values,
        _not_the_stream(model, architecture, values, seen.hidden_states),
        "it is not what goes from block to block",
    )
    reasons |= _drop(
        values, _not_adding_up(values), "it does not add up to the residual stream in every layer"
    )
    reasons |= _drop(values, _not_read(seen, values), "the layer that reads it does not give what is written")
    sites = {name: _site(name, seen.sightings[name], layers) for name, layers in values.items()}
    return Verified(sites, reasons)


def _drop(values: dict[SiteName, Layers], names: set[SiteName], why: str) -> dict[SiteName, str]:
    for name in names:
        del values[name]
    return dict.fromkeys(names, why)


def _site(name: SiteName, sightings: Sequence[Sighting | None], layers: Layers) -> Site:
    present = [sighting for sighting in sightings if sighting is not None]
    return Site(
        name=name,
        taps=tuple(sighting.tap for sighting in present),
        width=layers[0].shape[-1],
        overwritten=any(sighting.overwritten for sighting in present),
        mixed=len({sighting.value.ndim for sighting in present}) > 1,
    )


def _rows(sightings: Sequence[Sighting | None], positions: int) -> Layers | str:
    """`[positions, width]` of every layer, or why not: all must have one width, and a row a position."""
    layers: Layers = []
    for number, sighting in enumerate(sightings):
        if sighting is None:
            return f"no tensor passes there in layer {number}"
        shape = tuple(sighting.value.shape)
        if not sighting.value.is_floating_point() or shape[:-1] not in ((1, positions), (positions,)):
            return f"in layer {number} it is {list(shape)}, not one row for each of {positions} tokens"
        layers.append(sighting.value.reshape(positions, shape[-1]))
    widths = [layer.shape[-1] for layer in layers]
    other = next((number for number, width in enumerate(widths) if width != widths[0]), None)
    if other is not None:
        return f"layers differ in width: {widths[0]} in layer 0, {widths[other]} in layer {other}"
    return layers or "there is no layer"


def _not_the_stream(
    model: PreTrainedModel,
    architecture: Architecture,
    values: Mapping[SiteName, Layers],
    hidden_states: tuple[Tensor, ...] | None,
) -> set[SiteName]:
    """Name those of the block inputs and outputs that are not handed from block to block.

    What one block gives the next one gets; where that does not hold, the model's own hidden states decide, of
    which the last may be taken before or after the final norm.
    """
    pre, post = values.get("resid_pre"), values.get("resid_post")
    if pre is not None and post is not None and len(pre) > 1 and _handed_on(pre, post):
        return set()
    expected = [state[0] for state in hidden_states or ()]
    false: set[SiteName] = set()
    if pre is not None and hidden_states is not None and not _same(pre, expected[:-1]):
        false.add("resid_pre")
    if post is not None and hidden_states is not None:
        ends = (post[-1], _after_final_norm(model, architecture, post[-1]))
        last = [end for end in ends if end is not None and end.shape == expected[-1].shape]
        if not _same(post[:-1], expected[1:-1]) or not any(adds_up(expected[-1], end) for end in last):
            false.add("resid_post")
    return false


def _handed_on(pre: Layers, post: Layers) -> bool:
    """Whether every block gets what the one before gave; RWKV halves it now and then."""
    return all(
        given.equal(got) or given.equal(got * 2) for given, got in zip(post[:-1], pre[1:], strict=True)
    )


def _same(layers: Layers, expected: Layers) -> bool:
    return len(layers) == len(expected) and all(map(torch.equal, layers, expected))


def _after_final_norm(model: PreTrainedModel, architecture: Architecture, last: Tensor) -> Tensor | None:
    """Return what the model makes of the last block's output, where that is only a norm."""
    try:
        norm = model.get_submodule(architecture.final_norm or "")
    except AttributeError:
        return None
    if norm is model or not callable(norm):
        return None
    with torch.no_grad():
        normed: Tensor = norm(last[None])[0]
    return normed


def _not_adding_up(values: dict[SiteName, Layers]) -> set[SiteName]:
    """Name the sites between the block's input and output that do not add up to it."""
    branches: set[SiteName] = {"resid_mid", "attn_out", "mlp_out"}
    claimed = branches & values.keys()
    if "resid_pre" not in values or "resid_post" not in values:
        return claimed
    attention_right = _all_add_up(values, "resid_mid", "resid_pre", "attn_out")
    mlp_right = _all_add_up(values, "resid_post", "resid_mid", "mlp_out")
    right: set[SiteName] = set()
    if attention_right:
        right |= {"resid_mid", "attn_out"}
    if mlp_right:
        right |= {"resid_mid", "mlp_out"}
    if _all_add_up(values, "resid_post", "resid_pre", "attn_out", "mlp_out"):
        right |= {"attn_out", "mlp_out"}
    return claimed - right


def _not_read(seen: Probe, values: Mapping[SiteName, Layers]) -> set[SiteName]:
    """Name those of `z` and `mlp_act` whose layer does not give what the branch writes, or its norm reads."""
    false: set[SiteName] = set()
    for name, written in WRITTEN_BY.items():
        if name in values and written in values:
            pairs = zip(seen.sightings[name], seen.sightings[written], strict=True)
            if not all(_gives(inner, outer) for inner, outer in pairs):
                false.add(name)
    return false


def _gives(inner: Sighting | None, outer: Sighting | None) -> bool:
    if inner is None or outer is None or inner.beyond is None:
        return True
    given = inner.beyond.reshape(-1, inner.beyond.shape[-1])
    factor = outer.tap.factor
    wanted = (outer.value if factor is None else None, outer.beyond)
    rows = [each.reshape(-1, each.shape[-1]) for each in wanted if each is not None]
    if factor is not None and adds_up(outer.value.reshape(given.shape), given * factor):
        return True
    return any(given.equal(each) for each in rows)


def _all_add_up(values: dict[SiteName, Layers], total: SiteName, *parts: SiteName) -> bool:
    """Whether the sites are there and the sum holds in every layer."""
    if not {total, *parts} <= values.keys():
        return False
    columns = (values[name] for name in (total, *parts))
    return all(adds_up(*layers) for layers in zip(*columns, strict=True))
