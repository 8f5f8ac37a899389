"""What the sites claim, checked against what one forward pass showed.

In a decoder block the residual stream is a sum: `resid_mid = resid_pre + attn_out` and
`resid_post = resid_mid + mlp_out`, or all three at once where the branches run in parallel (Elhage et al.,
"A Mathematical Framework for Transformer Circuits", 2021). A site that does not add up is no such site.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from llmri_server.torch_runtime.architectures import Architecture, SiteName
from llmri_server.torch_runtime.probe import Probe, Sighting
from llmri_server.torch_runtime.taps import Site

ROUNDINGS = 8  # sums may be rounded in another order than the model's, a few times

Layers = list[Tensor]  # one `[positions, width]` a layer


def verify(model: PreTrainedModel, architecture: Architecture, seen: Probe) -> dict[SiteName, Site]:
    """Give the sites that are what they claim to be."""
    values: dict[SiteName, Layers] = {}
    for name, sightings in seen.sightings.items():
        layers = _rows(sightings, seen.positions)
        if layers is not None:
            values[name] = layers
    false = _not_hidden_states(model, architecture, values, seen.hidden_states)
    for name in false:
        del values[name]
    for name in _not_adding_up(values):
        del values[name]
    return {name: _site(name, seen.sightings[name], layers) for name, layers in values.items()}


def adds_up(total: Tensor, *parts: Tensor) -> bool:
    """Whether `total` is the sum of the parts, to within a few roundings of their dtype."""
    size = total.abs().double() + sum(part.abs().double() for part in parts)
    gap = total.double() - sum(part.double() for part in parts)
    return bool((gap.abs() <= ROUNDINGS * torch.finfo(total.dtype).eps * size).all())


def _site(name: SiteName, sightings: Sequence[Sighting | None], layers: Layers) -> Site:
    present = [sighting for sighting in sightings if sighting is not None]
    return Site(
        name=name,
        taps=tuple(sighting.tap for sighting in present),
        width=layers[0].shape[-1],
        overwritten=any(sighting.overwritten for sighting in present),
    )


def _rows(sightings: Sequence[Sighting | None], positions: int) -> Layers | None:
    """Give `[positions, width]` of every layer, or None unless all have one shape, a row a position."""
    layers: Layers = []
    for sighting in sightings:
        if sighting is None:
            return None
        shape = tuple(sighting.value.shape)
        if not sighting.value.is_floating_point() or shape[:-1] not in ((1, positions), (positions,)):
            return None
        layers.append(sighting.value.reshape(positions, shape[-1]))
    return layers if layers and len({layer.shape for layer in layers}) == 1 else None


def _not_hidden_states(
    model: PreTrainedModel,
    architecture: Architecture,
    values: dict[SiteName, Layers],
    hidden_states: tuple[Tensor, ...] | None,
) -> set[SiteName]:
    """Name the block inputs and outputs that differ from the model's own hidden states."""
    false: set[SiteName] = set()
    if hidden_states is None:
        return false
    expected = [state[0] for state in hidden_states]
    pre, post = values.get("resid_pre"), values.get("resid_post")
    if pre is not None and not _same(pre, expected[:-1]):
        false.add("resid_pre")
    if post is not None:
        last = _after_final_norm(model, architecture, post[-1])
        if not _same(post[:-1], expected[1:-1]) or (last is not None and not adds_up(expected[-1], last)):
            false.add("resid_post")
    return false


def _same(layers: Layers, expected: Layers) -> bool:
    return len(layers) == len(expected) and all(map(torch.equal, layers, expected))


def _after_final_norm(model: PreTrainedModel, architecture: Architecture, last: Tensor) -> Tensor | None:
    """Give what the model makes of the last block's output, where that is only a norm."""
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


def _all_add_up(values: dict[SiteName, Layers], total: SiteName, *parts: SiteName) -> bool:
    """Whether the sites are there and the sum holds in every layer."""
    if not {total, *parts} <= values.keys():
        return False
    columns = (values[name] for name in (total, *parts))
    return all(adds_up(*layers) for layers in zip(*columns, strict=True))
