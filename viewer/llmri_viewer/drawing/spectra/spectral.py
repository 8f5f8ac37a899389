"""The spectral view, drawn: the signal, and its spectrum as a curve or an image."""

import numpy as np

from llmri_look import words
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.spectra import octave_bars, spectral_signal, spectrogram, spectrum
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.picture import Picture
from llmri_viewer.views.spectral import SpectralView
from llmri_viewer.views.values import signals, spectra
from llmri_viewer.views.values.signals import Signal

VIEW = SpectralView()


def draw(
    canvas: Canvas, state: ViewState, store: ScanStore, _picture: Picture | None, why: waiting.Why
) -> None:
    """Draw it, or say what is missing."""
    by_units = state.look.spectrum == "units"
    signal = signals.over_units(state, store) if by_units else signals.over_tokens(state, store)
    if signal is None:
        waiting.say(canvas, window_parts.of(state.window.size).view, *why())
        return
    _moving(canvas, state, signal) if state.look.spectrum == "spectrogram" else _curve(canvas, state, signal)


def _curve(canvas: Canvas, state: ViewState, signal: Signal) -> None:
    found, parts = spectra.curve(signal), VIEW.parts(state)
    if found is None:
        _without(canvas, state, signal, spectra.FEWEST)
        return
    _signal(canvas, state, signal, Reach())
    order = f"dashed ({words.TIMES}1): the same in random order"
    said = f"amplitude of {_series(signal)}, mean and slope taken out; {order}"
    spectrum.draw(canvas, parts, state, signal, found, said=said)
    octave_bars.draw(canvas, window_parts.of(state.window.size).bar, found, signal.along)


def _moving(canvas: Canvas, state: ViewState, signal: Signal) -> None:
    found, parts = spectra.moving(signal), VIEW.parts(state)
    if found is None:
        _without(canvas, state, signal, spectra.FEWEST_MOVING)
        return
    _signal(canvas, state, signal, state.pane.reach)
    said = f"cycles per token, in windows of {found.length} tokens, mean and slope of each taken out"
    if found.series < len(signal.units):
        said += f"; {found.series} of {signal.of} units"
    spectrogram.draw(canvas, parts, state, signal, found, said=said)


def _signal(canvas: Canvas, state: ViewState, signal: Signal, reach: Reach) -> None:
    """Draw what the spectrum is of, where there is room."""
    box = VIEW.parts(state).signal
    if box is None:
        return
    change = "change of the " if state.look.difference else ""
    if signal.along == "unit":
        spectral_signal.heading(canvas, box, f"{change}activation of each unit")
        spectral_signal.over_units(canvas, box, state, signal)
        return
    missing = f"; {words.count(signal.missing, 'token')} without a scan bridged" if signal.missing else ""
    spectral_signal.heading(canvas, box, f"{change}activation at each token: {_series(signal)}{missing}")
    spectral_signal.over_tokens(canvas, box, state, signal, reach)


def _series(signal: Signal) -> str:
    """Name the series of a signal."""
    if signal.along == "unit":
        return "waves across units"
    if len(signal.units) == 1:
        layer, unit = signal.units[0]
        return f"layer {layer} unit {unit}"
    count = words.count(len(signal.units), "unit")
    return f"{count}, rms" if len(signal.units) == signal.of else f"{count} of {signal.of}, rms"


def _without(canvas: Canvas, state: ViewState, signal: Signal, fewest: int) -> None:
    """Say why there is no spectrum, and what to do."""
    steps = len(signal.places)
    why = "These values do not change, as an ablated unit's: select others, or nothing for the whole layer."
    if steps < fewest:
        why = (
            f"There are {words.count(steps, signal.along)} with scans; it needs {fewest} at least. "
            "Let the model say more, or look at another kind of spectrum."
        )
    elif not np.isfinite(signal.values).all():
        why = "Some of these activations are not finite, and have none."
    waiting.say(canvas, window_parts.of(state.window.size).view, "No spectrum", why)


PAINTERS = {"spectral": draw}
