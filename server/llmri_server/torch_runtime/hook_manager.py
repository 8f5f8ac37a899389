"""The instruments on a model: hooks that come with a context and go with it, whatever happens inside."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Protocol

from torch import Tensor, nn
from transformers import PreTrainedModel

from llmri_protocol.messages import Edit
from llmri_server.edits import Place
from llmri_server.edits.baselines import Baselines
from llmri_server.pass_runs import Applied
from llmri_server.runtime import SiteLayers
from llmri_server.torch_runtime.architectures import SITE_NAMES, SiteName
from llmri_server.torch_runtime.hooks import CapturedSite, ForwardPass
from llmri_server.torch_runtime.installation import Clock, Installation
from llmri_server.torch_runtime.interventions import Compiler, Edits, Interventions
from llmri_server.torch_runtime.states import states_left
from llmri_server.torch_runtime.taps import Site
from llmri_server.torch_runtime.unedited import mean_row, unedited_rows

logger = logging.getLogger(__name__)


class Receiver(Protocol):
    """Takes what a forward pass left, in the model's thread."""

    def kept(self, kept: CapturedSite) -> None:
        """Take the tensors of one site; they are forgotten afterwards."""
        ...

    def passed(self, positions: int) -> None:
        """Learn that a pass over so many positions is over."""
        ...


@dataclass(frozen=True, eq=False)
class _Setting:
    """What the next pass shall do: one immutable value, so that a pass sees all of a change or nothing."""

    edits: Edits = ()
    revision: int = 0
    wanted: SiteLayers = ()
    recorded: SiteLayers | None = None
    variants: tuple[Edits, ...] | None = None
    alone: Edits | None = None


class HookManager:
    """Edits and captures in the forward passes of one model.

    `edit` and `capture` may be called from any thread; the other methods belong to the model's thread. A
    change takes effect when the next pass begins, never in the middle of one.

    Args:
        model: The model.
        sites: Where it can be watched and edited.
        calibration: Gives the tokens that baselines are measured on; called when one is first needed.
        special: The tokens that edits and baselines can leave out.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        sites: Mapping[SiteName, Site],
        calibration: Callable[[], Sequence[int]],
        special: frozenset[int] = frozenset(),
    ) -> None:
        self._model = model
        self._sites: dict[str, Site] = {name: sites[name] for name in SITE_NAMES if name in sites}
        self._parameters = tuple(signature(model.forward).parameters)
        self._baselines = Baselines(self._unedited, mean_row, calibration, special)
        compiler = Compiler(self._sites, model.dtype, model.device, self._baselines)
        self._interventions = Interventions(compiler, special)
        self._lock = threading.Lock()
        self._setting = _Setting()
        self._installed: _Setting | None = None
        self._current = ForwardPass()
        self._installation = Installation(self._sites, self._current)
        self._applied = Applied()
        self._prompt: int | None = None
        self._first: int | None = None
        self._receiver: Receiver | None = None
        self._attached = False
        self._nested = False
        self._clock: Clock | None = None

    @property
    def edits(self) -> Edits:
        """The edits that stand: what the next pass feels, unless others replace them."""
        return self._setting.edits

    @property
    def applied(self) -> Applied:
        """The standing edits of the latest pass that had them, with their revision."""
        return self._applied

    def edit(self, edits: Sequence[Edit], revision: int = 0) -> None:
        """Apply these edits, checked before, from the next pass on."""
        with self._lock:
            self._setting = replace(self._setting, edits=tuple(edits), revision=revision)

    def capture(self, wanted: SiteLayers) -> None:
        """Keep these sites and layers from the next pass on.

        Raises:
            ValueError: A site or layer is not there.
        """
        self._check(wanted)
        with self._lock:
            self._setting = replace(self._setting, wanted=wanted)

    def converse(self, ids: Sequence[int]) -> None:
        """Make this the conversation that means are over, where edits ask for it."""
        self._baselines.converse(ids)
        if any(edit.operation.averaged and edit.baseline == "conversation" for edit in self.edits):
            self._interventions.forget()
            self._installed = None

    @contextmanager
    def attached(
        self,
        receiver: Receiver | None = None,
        recorded: SiteLayers | None = None,
        variants: Sequence[Sequence[Edit]] | None = None,
        prompt: int | None = None,
        start: int | None = None,
        *,
        alone: Edits | None = None,
    ) -> Iterator[None]:
        """Let passes inside feel the edits, and hand what they leave to the receiver.

        Contexts nest: what the inner one names holds until it ends.

        Args:
            receiver: Takes what is kept.
            recorded: Replaces the capture plan; its tensors are copies.
            variants: Replaces the standing edits: row b of every batch feels exactly `variants[b]`.
            prompt: How many positions of the conversation are prompt. None lets a pass that begins with an
                empty cache be the prompt.
            start: How many positions were computed before the first pass; the passes are counted from there.
                None asks each pass's cache, which some models keep elsewhere.
            alone: Replaces the standing edits in every row.

        Raises:
            ValueError: What shall be recorded is not there; or, when a pass begins, its batch has another
                number of rows than there are variants.
        """
        self._check(recorded or ())
        outer = (self._receiver, self._prompt, self._first)
        replaced = (self._setting.recorded, self._setting.variants, self._setting.alone)
        self._receiver, self._prompt, self._first = receiver, prompt, start
        applied = replaced[1] if variants is None else tuple(tuple(edits) for edits in variants)
        self._replace(recorded, applied, replaced[2] if alone is None else alone)
        try:
            with self._watching():
                yield
        finally:
            self._receiver, self._prompt, self._first = outer
            self._replace(*replaced)

    @contextmanager
    def timed(self) -> Iterator[Clock]:
        """Measure the time spent in hooks, and in handing over what they kept, of the passes inside."""
        self._clock, self._installed = Clock(), None
        try:
            yield self._clock
        finally:
            self._clock, self._installed = None, None

    def _check(self, wanted: SiteLayers) -> None:
        for name, layers in wanted:
            if name not in self._sites:
                raise ValueError(f"there is no site `{name}` here; there are {', '.join(self._sites)}")
            there = len(self._sites[name].taps)
            for layer in layers:
                if not 0 <= layer < there:
                    raise ValueError(f"there is no layer {layer}; this model has layers 0 to {there - 1}")

    def _replace(
        self, recorded: SiteLayers | None, variants: tuple[Edits, ...] | None, alone: Edits | None
    ) -> None:
        with self._lock:
            self._setting = replace(self._setting, recorded=recorded, variants=variants, alone=alone)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Stand at the beginning and the end of every pass; only the outermost context does."""
        if self._attached:
            yield
            return
        self._attached = True
        self._interventions.start()
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
        if self._nested:
            return
        setting = self._setting
        if setting is not self._installed:
            self._install(setting)
        ids = args[0] if args else kwargs.get("input_ids")
        rows, self._current.positions = (kwargs["inputs_embeds"] if ids is None else ids).shape[:2]
        if setting.variants is not None and len(setting.variants) != rows:
            raise ValueError(f"the batch has {rows} rows, but there are {len(setting.variants)} variants")
        if self._interventions.live:
            arguments = dict(zip(self._parameters, args, strict=False)) | kwargs
            self._interventions.begin(self._current.positions, ids, arguments, self._prompt, self._first)

    def _end(self, _model: nn.Module, _args: object, _output: object) -> None:
        if self._nested:
            return
        start = time.perf_counter_ns() if self._clock else 0
        for kept in self._installation.kept:
            self._hand_over(kept)
        if self._receiver is not None:
            self._receiver.passed(self._current.positions)
        if self._first is not None:
            self._first += self._current.positions
        if self._clock:
            self._clock.nanoseconds += time.perf_counter_ns() - start
            self._clock.calls += 1

    def _hand_over(self, kept: CapturedSite) -> None:
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
        if setting.variants is not None:
            changes = self._interventions.vary(setting.variants)
        elif setting.alone is not None:
            changes = self._interventions.stand(setting.alone)
        else:
            self._applied = Applied(setting.edits, setting.revision)
            changes = self._interventions.stand(setting.edits)
        wanted = setting.wanted if setting.recorded is None else setting.recorded
        self._installation = Installation(self._sites, self._current, self._clock)
        self._installation.put(changes, wanted, copied=setting.recorded is not None)
        self._installed = setting

    def _unedited(self, ids: Sequence[int], places: Sequence[Place]) -> dict[Place, Tensor]:
        """Run a pass that feels no edit and hands nothing over, between those that do."""
        self._nested = True
        try:
            with states_left(self._model):
                return unedited_rows(self._model, self._sites, ids, places)
        finally:
            self._nested = False

    def _uninstall(self) -> None:
        self._installation.remove()
        self._installed = None
