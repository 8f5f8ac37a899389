"""The functions that run inside the model: they edit, keep a reference, and do nothing else.

A hook runs once a layer and token, so its body is a handful of bytecodes.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from llmri_server.torch_runtime.interventions import Change
from llmri_server.torch_runtime.taps import Site, Tap, read

Hook = Callable[..., Any]
EditTensor = Callable[[Tensor, int], Tensor]


class CapturedSite:
    """What the current pass left of one site: a tensor a layer, and its version when it was kept.

    `copied` says that the tensors are copies; otherwise one whose version has moved was written to and
    shows something else by now.
    """

    def __init__(self, site: Site, layers: tuple[int, ...], *, copied: bool) -> None:
        self.site = site
        self.layers = layers
        self.copied = copied
        self._empty: list[Tensor] = [torch.empty(0)] * len(layers)
        self.tensors = list(self._empty)
        self.versions = [0] * len(layers)

    @property
    def overwritten(self) -> bool:
        """Whether the model wrote to a tensor after it was kept."""
        return not self.copied and [tensor._version for tensor in self.tensors] != self.versions

    @property
    def rows(self) -> list[Tensor]:
        """The tensors of a pass over one position, all of one shape."""
        width = self.site.width
        return [each.reshape(-1, width) for each in self.tensors] if self.site.mixed else self.tensors

    def forget(self) -> None:
        """Let go of the tensors, so that the model's memory is free for its next pass."""
        self.tensors[:] = self._empty


class ForwardPass:
    """What hooks need to know about the pass in which they run: how many positions it computes."""

    positions: int = 0


def make_hook(
    tap: Tap,
    current: ForwardPass,
    change: Change | None,
    kept: CapturedSite | None,
    row: int,
    *,
    in_place: bool = False,
) -> Hook:
    """Return the hook of a tap, which edits first and keeps then; it fits `tap.side`.

    `in_place` writes an edit into the model's own tensor, because it is read elsewhere too.
    """
    if change is None and kept is not None and not kept.copied and tap.factor is None:
        return _keeping(tap, kept, row)
    act = _acting(tap, current, _editing(change, in_place=in_place), kept, row)
    if tap.side == "input":

        def change_input(_module: object, args: tuple[Any, ...]) -> tuple[Any, ...]:
            return (act(args[0]), *args[1:])

        return change_input

    def change_output(_module: object, _args: object, output: object) -> object:
        value = act(read(tap, output))
        if tap.element is None or not isinstance(output, tuple):
            return value
        return (*output[: tap.element], value, *output[tap.element + 1 :])

    return change_output


def _keeping(tap: Tap, kept: CapturedSite, row: int) -> Hook:
    """Return the shortest hook that keeps a reference and its version."""
    tensors, versions, element = kept.tensors, kept.versions, tap.element

    def keep_input(_module: object, args: tuple[Tensor, ...]) -> None:
        tensors[row] = tensor = args[0]
        versions[row] = tensor._version

    def keep_output(_module: object, _args: object, output: Tensor) -> None:
        tensors[row] = output
        versions[row] = output._version

    def keep_element(_module: object, _args: object, output: tuple[Tensor, ...]) -> None:
        tensors[row] = tensor = output[element]  # type: ignore[index]  # chosen only where it is a number
        versions[row] = tensor._version

    if tap.side == "input":
        return keep_input
    return keep_output if element is None else keep_element


def _editing(change: Change | None, *, in_place: bool) -> EditTensor | None:
    """Return the function that edits a tensor, or writes into it what has changed."""
    if change is None or not in_place:
        return None if change is None else change.apply

    def write(value: Tensor, positions: int) -> Tensor:
        edited = change.apply(value, positions)
        return value if edited is value else value.copy_(edited)

    return write


def _acting(
    tap: Tap, current: ForwardPass, edit: EditTensor | None, kept: CapturedSite | None, row: int
) -> Callable[[Tensor], Tensor]:
    """Return a function that edits a tensor, keeps it, and gives what the model shall go on with."""

    def act(value: Tensor) -> Tensor:
        if edit is not None:
            value = edit(value, current.positions)
        if kept is not None:
            seen = value if tap.factor is None else value * tap.factor
            kept.tensors[row] = seen.clone() if kept.copied else seen
            if not kept.copied:
                kept.versions[row] = seen._version
        return value

    return act
