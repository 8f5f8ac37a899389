"""What the grid shows: one layer's values and the scale that colours them, or words why there are none."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_viewer.colour import Scale, window
from llmri_viewer.state import Link, ViewState
from llmri_viewer.store import Moment, ScanStore

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """Values of the units, `[width]`, and their scale."""

    values: Rows
    scale: Scale


def picture_of(state: ViewState, store: ScanStore) -> Picture | None:
    """Give the shown layer at the shown token, None where there is nothing to show.

    The scale holds for the whole turn so far, so that tokens can be compared.
    """
    row = store.row(state.at, state.site, state.layer)
    if row is None or state.at is None:
        return None
    if not state.difference:
        sample = _turn_sample(state, store, state.at)
        return Picture(row, _scale(state, np.concatenate([row, sample.ravel()])))
    before = store.step(state.at, state.site, -1)
    earlier = store.row(before, state.site, state.layer) if before and before.turn == state.at.turn else None
    if earlier is None:
        return None
    change = row - earlier
    changes = np.diff(store.sample(state.at.turn, state.site, state.layer), axis=0)
    return Picture(change, _scale(state, np.concatenate([change, changes.ravel()])))


def _turn_sample(state: ViewState, store: ScanStore, at: Moment) -> Rows:
    """Give values that stand for the turn: its extremes, or a spread of its scans for percentiles."""
    if state.clip:
        return store.sample(at.turn, state.site, state.layer)
    return np.asarray(store.turns[at.turn].extremes[state.site, state.layer], np.float32)


def _scale(state: ViewState, values: Rows) -> Scale:
    return window(values, state.colour_map, log=state.log, clip=state.clip)


def why_empty(state: ViewState, store: ScanStore) -> tuple[str, str]:
    """Give a headline and a sentence for a view without a picture."""
    if state.link.link is Link.REFUSED:
        return "No connection", state.link.sentence
    if state.card is None:
        return "Waiting for the server", state.link.sentence
    if state.at is None and not any(turn.sheets for turn in store.turns.values()):
        return (
            f"Connected to {state.card.name}",
            "Say something to the model: press T, or type in the server's terminal.",
        )
    if state.difference and store.sheet(state.at, state.site):
        return (
            "Nothing to compare with",
            "This is the first scan of the turn; its successors show a difference.",
        )
    if state.at is not None:
        return (
            f"No scan of {state.site} here",
            "It comes with the next token, or was let go to keep within memory.",
        )
    return f"No scans of {state.site} yet", "They come with the next token that the model reads or writes."
