"""Spectra: over units, over tokens, and window after window; what they are taken of stands above."""

from dataclasses import dataclass

import numpy as np

from llmri_look import words
from llmri_look.view_names import ViewName
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.columns import Columns, columns
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import LayerUnits
from llmri_viewer.views.base import At, Points
from llmri_viewer.views.reaching import ReachingView
from llmri_viewer.views.table import Table
from llmri_viewer.views.values.signals import over_tokens, over_units, unit_order, why_no_order
from llmri_viewer.views.values.spectra import curve, moving

GUTTER = 8 * UNIT  # the numbers of the vertical axes
LINE = 20  # pixels a line of text takes
AXIS = 3 * UNIT
BAR = UNIT  # the part in sight
SIGNAL_LEAST, SIGNAL_MOST = 4 * UNIT, 14 * UNIT
LEAST = 0.01  # of the frequencies or tokens stays in sight
POINTED_FROM = 1.0  # pixels a unit, from which it can be clicked


@dataclass(frozen=True)
class SpectrumParts:
    """The boxes of a spectrum: the signal with a line of words above it, and the plot with its own.

    `signal` is None where there is no room for it.
    """

    signal: Box | None
    heading: Box
    plot: Box


class SpectralView(ReachingView):
    """The amplitudes of waves in the activations."""

    name: ViewName = "spectral"

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """See `View`: amplitude by frequency, and by token in the spectrogram."""
        if state.look.spectrum == "spectrogram":
            signal = over_tokens(state, store)
            moved = moving(signal) if signal else None
            if moved is None:
                return None
            frequency, middle = np.repeat(moved.frequencies, len(moved.middles)), moved.middles
            at = np.tile(middle, len(moved.frequencies))
            return Table({"at": at, "frequency": frequency, "amplitude": moved.amplitudes.reshape(-1)})
        along = over_tokens(state, store) if state.look.spectrum == "tokens" else over_units(state, store)
        found = curve(along) if along else None
        if found is None:
            return None
        return Table({"frequency": found.frequencies, "amplitude": found.amplitudes}, {"flat": found.flat})

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        where = f"at {state.pane.site}, layer {state.pane.layer}"
        if state.look.spectrum == "units":
            named = "Hebbian" if state.look.by_layout and not why_no_order(state) else "index"
            return "Spectrum over units", f"{where}, {named} order"
        layers = tuple(sorted({layer for layer, _ in state.selection.units}))
        if layers:
            where = f"{words.count(len(state.selection.units), 'selected unit')} of {words.layers(layers)}"
        return "Spectrum over tokens" if state.look.spectrum == "tokens" else "Spectrogram over tokens", where

    def parts(self, state: ViewState) -> SpectrumParts:
        """Divide the stage: a sixth for the signal, the rest for the plot."""
        stage = self.stage(state)
        inner = Box(stage.x + GUTTER, stage.y, max(1, stage.width - GUTTER - UNIT), stage.height)
        high = min(SIGNAL_MOST, stage.height // 6)
        top = LINE + high + AXIS if high >= SIGNAL_LEAST else 0
        signal = inner.row(LINE, high) if top else None
        heading = inner.row(top, LINE)
        over = top + 2 * LINE
        height = max(1, stage.height - over - AXIS - BAR)
        return SpectrumParts(signal, heading, inner.row(over, height))

    def axis(self, state: ViewState, /) -> Box:
        """See `ReachingView`."""
        return self.parts(state).plot

    def least(self, _state: ViewState, /) -> float:
        """See `ReachingView`."""
        return LEAST

    def subject(self, state: ViewState, /) -> LayerUnits | None:
        """See `View`."""
        return LayerUnits(state.pane.layer, state.width) if state.width else None

    def columns(self, state: ViewState) -> Columns | None:
        """Return the units, by their place in the order, of each pixel of the signal; None over tokens."""
        signal = self.parts(state).signal
        if signal is None or not state.width or state.time.at is None or state.look.spectrum != "units":
            return None
        return columns(len(unit_order(state)), Reach(), signal.width)

    def unit_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`. Units stand in the signal, where it is one over units and they are wide enough."""
        signal, seen = self.parts(state).signal, self.columns(state)
        if signal is None or seen is None or not signal.holds(*at) or seen.pixels_a_unit < POINTED_FROM:
            return None
        return int(unit_order(state)[seen.first[int(at[0]) - signal.x]])

    def box_of(self, state: ViewState, index: int, /) -> Box | None:
        """See `View`."""
        signal, seen = self.parts(state).signal, self.columns(state)
        places = np.flatnonzero(unit_order(state) == index)
        if signal is None or seen is None or seen.pixels_a_unit < POINTED_FROM or not places.size:
            return None
        start, end = seen.pixels(int(places[0]))
        return Box(signal.x + start, signal.y, end - start, signal.height) if end > start else None

    def middles(self, state: ViewState, /) -> Points:
        """See `View`."""
        signal, seen = self.parts(state).signal, self.columns(state)
        found = np.full((state.width, 2), np.nan)
        if signal is None or seen is None:
            return found
        places = unit_order(state)
        found[places, 0] = signal.x + seen.middles(len(places))
        found[places, 1] = signal.y + signal.height / 2
        return found


VIEWS = (SpectralView(),)
