"""One forward pass at load that looks at every tap."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from llmri_server.torch_runtime.architectures import SiteName
from llmri_server.torch_runtime.taps import Tap, Taps, read

PROBE_POSITIONS = 5


@dataclass(frozen=True)
class Sighting:
    """What passed at one tap.

    Attributes:
        tap: It, its `element` settled.
        value: A copy of what passed, times the tap's factor.
        overwritten: Whether the tensor was written to later.
        beyond: A copy of what is at the module's other side, if that is a tensor: its output for its input.
    """

    tap: Tap
    value: Tensor
    overwritten: bool
    beyond: Tensor | None = None


@dataclass(frozen=True)
class Probe:
    """What one pass over a few tokens showed: `sightings[site][layer]`, and the model's own hidden states.

    A tap that gave no tensor, or none at all, is None.
    """

    positions: int
    sightings: dict[SiteName, tuple[Sighting | None, ...]]
    hidden_states: tuple[Tensor, ...] | None


def probe(model: PreTrainedModel, taps: Taps) -> Probe:
    """Run one forward pass and look at every tap; all hooks are gone afterwards."""
    places = [(name, layer, tap) for name, layers in taps.items() for layer, tap in enumerate(layers)]
    seen: dict[tuple[SiteName, int], tuple[Tap, Tensor, Tensor, int]] = {}
    beyond: dict[tuple[SiteName, int], Tensor] = {}

    def looking(name: SiteName, layer: int, tap: Tap) -> Callable[[object], None]:
        def look(value: object) -> None:
            settled = replace(tap, element=tap.element if isinstance(value, tuple) else None)
            try:
                tensor = read(settled, value)
            except (TypeError, IndexError):
                return  # no tensor here: the site will be reported absent
            seen[name, layer] = (settled, tensor, tensor.clone(), tensor._version)

        return look

    def looking_beyond(name: SiteName, layer: int, tap: Tap) -> Callable[[object], None]:
        def look(value: object) -> None:
            with suppress(TypeError, IndexError):  # no tensor there: then nothing is known of it
                beyond[name, layer] = read(tap, value).clone()

        return look

    ids = probe_ids(model)
    with ExitStack() as hooks, torch.no_grad():
        for name, layer, tap in places:
            hooks.callback(observe(tap, looking(name, layer, tap)).remove)
            other = Tap(tap.module, "output" if tap.side == "input" else "input")
            hooks.callback(observe(other, looking_beyond(name, layer, other)).remove)
        output = model(ids, use_cache=False, output_hidden_states=True)
    sightings = {
        name: tuple(
            _sighting(seen.get((name, layer)), beyond.get((name, layer))) for layer in range(len(layers))
        )
        for name, layers in taps.items()
    }
    return Probe(ids.shape[1], sightings, getattr(output, "hidden_states", None))


def probe_ids(model: PreTrainedModel) -> Tensor:
    """Return a few different token ids, `[1, positions]`."""
    vocabulary = int(model.config.get_text_config().vocab_size)
    spread = [vocabulary * step // (PROBE_POSITIONS + 1) for step in range(1, PROBE_POSITIONS + 1)]
    return torch.tensor([spread], device=model.device)


def observe(tap: Tap, look: Callable[[object], None]) -> RemovableHandle:
    """Call `look` with the arguments or the output of the tap's module, whenever it runs."""

    def before(_module: object, args: tuple[Any, ...]) -> None:
        look(args)

    def after(_module: object, _args: object, output: object) -> None:
        look(output)

    if tap.side == "input":
        return tap.module.register_forward_pre_hook(before)
    return tap.module.register_forward_hook(after)


def _sighting(seen: tuple[Tap, Tensor, Tensor, int] | None, beyond: Tensor | None) -> Sighting | None:
    if seen is None:
        return None
    tap, tensor, copy, version = seen
    value = copy if tap.factor is None else copy * tap.factor
    return Sighting(tap, value, tensor._version != version, beyond)
