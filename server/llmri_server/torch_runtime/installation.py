"""Hooks on exactly the places that are edited or kept, until they are removed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from torch.utils.hooks import RemovableHandle

from llmri_server.edits import Place
from llmri_server.runtime import SiteLayers
from llmri_server.torch_runtime.hooks import CapturedSite, ForwardPass, Hook, make_hook
from llmri_server.torch_runtime.interventions import Change
from llmri_server.torch_runtime.taps import Site


@dataclass
class Clock:
    """Time spent in the instruments: nanoseconds, and calls of hooks."""

    nanoseconds: int = 0
    calls: int = 0


class Installation:
    """The hooks of one setting, and what they keep in a pass.

    Attributes:
        handles: The hooks.
        kept: What they keep, a site each.
    """

    def __init__(self, sites: Mapping[str, Site], current: ForwardPass, clock: Clock | None = None) -> None:
        self._sites = sites
        self._current = current
        self._clock = clock
        self.handles: list[RemovableHandle] = []
        self.kept: list[CapturedSite] = []

    def put(self, changes: Mapping[Place, Change], wanted: SiteLayers, *, copied: bool) -> None:
        """Hook the places; `copied` lets all that is kept be copies."""
        places: dict[Place, tuple[CapturedSite, int]] = {}
        for name, layers in wanted:
            site = self._sites[name]
            kept = CapturedSite(site, layers, copied=copied or site.overwritten)
            self.kept.append(kept)
            places.update({(name, layer): (kept, row) for row, layer in enumerate(layers)})
        for place in dict.fromkeys([*changes, *places]):
            self._hook(place, changes.get(place), *places.get(place, (None, 0)))

    def remove(self) -> None:
        """Take all hooks away and let go of what they kept."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        self.kept.clear()

    def _hook(self, place: Place, change: Change | None, kept: CapturedSite | None, row: int) -> None:
        site = self._sites[place[0]]
        tap = site.taps[place[1]]
        hook = make_hook(tap, self._current, change, kept, row, in_place=site.in_place)
        hook = hook if self._clock is None else _timing(hook, self._clock)
        register = (
            tap.module.register_forward_pre_hook if tap.side == "input" else tap.module.register_forward_hook
        )
        self.handles.append(register(hook, prepend=True))


def _timing(hook: Hook, clock: Clock) -> Hook:
    """Wrap a hook so that its time is added to the clock."""

    def timed(*args: object) -> object:
        start = time.perf_counter_ns()
        result = hook(*args)
        clock.nanoseconds += time.perf_counter_ns() - start
        clock.calls += 1
        return result

    return timed
