"""The instruments on a model: hooks that come with a context and go with it, whatever happens inside."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from llmri_protocol.messages import Edit
from llmri_server.torch_runtime.architectures import SITE_NAMES, SiteName
from llmri_server.torch_runtime.compiled_edits import CompiledEdits, compile_edits
from llmri_server.torch_runtime.hooks import ForwardPass, Hook, Kept, make_hook
from llmri_server.torch_runtime.taps import Site

logger = logging.getLogger(__name__)

Wanted = tuple[tuple[str, tuple[int, ...]], ...]  # as in CapturePlan.sites


class Receiver(Protocol):
    """Takes what a forward pass left, in the model's thread."""

    def kept(self, kept: Kept) -> None:
        """Take the tensors of one site; they are forgotten afterwards."""
        ...

    def passed(self, positions: int) -> None:
        """Learn that a pass over so many positions is over."""
        ...


@dataclass
class Clock:
    """Time spent in the instruments: nanoseconds, and calls of hooks."""

    nanoseconds: int = 0
    calls: int = 0


@dataclass(frozen=True, eq=False)
class _Setting:
    """What the next pass shall do: one immutable value, so that a pass sees all of a change or nothing."""

    edits: CompiledEdits = field(default_factory=dict)
    wanted: Wanted = ()
    recorded: Wanted | None = None


class Instruments:
    """Edits and captures in the forward passes of one model.

    `edit` and `capture` may be called from any thread; the other methods belong to the model's thread. A
    change takes effect when the next pass begins, never in the middle of one.
    """

    def __init__(self, model: nn.Module, sites: Mapping[SiteName, Site], device: torch.device) -> None:
        self._model = model
        self._sites: dict[str, Site] = {name: sites[name] for name in SITE_NAMES if name in sites}
        self._device = device
        self._lock = threading.Lock()
        self._setting = _Setting()
        self._installed: _Setting | None = None
        self._handles: list[RemovableHandle] = []
        self._kept: list[Kept] = []
        self._current = ForwardPass()
        self._receiver: Receiver | None = None
        self._attached = False
        self._clock: Clock | None = None

    def edit(self, edits: Sequence[Edit]) -> None:
        """Apply these edits, checked before, from the next pass on."""
        compiled = compile_edits(edits, self._sites, self._device)
        with self._lock:
            self._setting = replace(self._setting, edits=compiled)

    def capture(self, wanted: Wanted) -> None:
        """Keep these sites and layers from the next pass on.

        Raises:
            ValueError: A site or layer is not there.
        """
        self._check(wanted)
        with self._lock:
            self._setting = replace(self._setting, wanted=wanted)

    @contextmanager
    def attached(self, receiver: Receiver | None = None, recorded: Wanted | None = None) -> Iterator[None]:
        """Let passes inside feel the edits, and hand what they leave to the receiver.

        `recorded` replaces the capture plan, and its tensors are copies. Contexts nest: the inner one's
        receiver and plan hold until it ends.
        """
        self._check(recorded or ())
        outer = (self._receiver, self._setting.recorded)
        self._receiver = receiver
        self._record(recorded)
        try:
            with self._watching():
                yield
        finally:
            self._receiver = outer[0]
            self._record(outer[1])

    @contextmanager
    def timed(self) -> Iterator[Clock]:
        """Measure the time spent in hooks, and in handing over what they kept, of the passes inside."""
        self._clock, self._installed = Clock(), None
        try:
            yield self._clock
        finally:
            self._clock, self._installed = None, None

    def _check(self, wanted: Wanted) -> None:
        for name, layers in wanted:
            if name not in self._sites:
                raise ValueError(f"there is no site `{name}` here; there are {', '.join(self._sites)}")
            there = len(self._sites[name].taps)
            for layer in layers:
                if not 0 <= layer < there:
                    raise ValueError(f"there is no layer {layer}; this model has layers 0 to {there - 1}")

    def _record(self, recorded: Wanted | None) -> None:
        with self._lock:
            self._setting = replace(self._setting, recorded=recorded)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Stand at the beginning and the end of every pass; only the outermost context does."""
        if self._attached:
            yield
            return
        self._attached = True
        ends = [
            self._model.register_forward_pre_hook(self._begin, with_kwargs=True),
            self._model.register_forward_hook(self._end),
        ]
        try:
            yield
        finally:
            self._attached = False
            for handle in ends:
                handle.remove()
            self._uninstall()

    def _begin(self, _model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._setting is not self._installed:
            self._install(self._setting)
        ids = args[0] if args else kwargs.get("input_ids")
        self._current.positions = (kwargs["inputs_embeds"] if ids is None else ids).shape[1]

    def _end(self, _model: nn.Module, _args: object, _output: object) -> None:
        start = time.perf_counter_ns() if self._clock else 0
        for kept in self._kept:
            self._hand_over(kept)
        if self._receiver is not None:
            self._receiver.passed(self._current.positions)
        if self._clock:
            self._clock.nanoseconds += time.perf_counter_ns() - start
            self._clock.calls += 1

    def _hand_over(self, kept: Kept) -> None:
        """Give a site's tensors away, unless the model has written to them since: then copy from now on."""
        if kept.overwritten:
            logger.warning(
                "the model wrote to `%s` after it was captured: this scan is left out, the next are copies",
                kept.site.name,
            )
            self._sites[kept.site.name] = replace(kept.site, overwritten=True)
            self._installed = None
        elif self._receiver is not None:
            self._receiver.kept(kept)
        kept.forget()

    def _install(self, setting: _Setting) -> None:
        """Hook exactly the places that are edited or kept."""
        self._uninstall()
        places: dict[tuple[str, int], tuple[Kept, int]] = {}
        for name, layers in setting.wanted if setting.recorded is None else setting.recorded:
            site = self._sites[name]
            kept = Kept(site, layers, copied=site.overwritten or setting.recorded is not None)
            self._kept.append(kept)
            places.update({(name, layer): (kept, row) for row, layer in enumerate(layers)})
        nothing = (None, 0)
        for place in dict.fromkeys([*setting.edits, *places]):
            tap = self._sites[place[0]].taps[place[1]]
            hook = make_hook(tap, self._current, setting.edits.get(place), *places.get(place, nothing))
            hook = hook if self._clock is None else _timing(hook, self._clock)
            register = (
                tap.module.register_forward_pre_hook
                if tap.side == "input"
                else tap.module.register_forward_hook
            )
            self._handles.append(register(hook, prepend=True))
        self._installed = setting

    def _uninstall(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._kept = []
        self._installed = None


def _timing(hook: Hook, clock: Clock) -> Hook:
    """Wrap a hook so that its time is added to the clock."""

    def timed(*args: object) -> object:
        start = time.perf_counter_ns()
        result = hook(*args)
        clock.nanoseconds += time.perf_counter_ns() - start
        clock.calls += 1
        return result

    return timed
