"""What a view shows: its units' values and the scale that colours them, or words why there are none."""

from dataclasses import dataclass

import numpy as np

from llmri_protocol.messages import ModelCard
from llmri_viewer import views
from llmri_viewer.colour import Scale, window
from llmri_viewer.state import Link, ViewState
from llmri_viewer.store import Moment, Rows, ScanStore
from llmri_viewer.subject import Subject, sample, values_at


@dataclass(frozen=True)
class Picture:
    """Values of the shown units, `[units]`, and their scale."""

    values: Rows
    scale: Scale


def picture_of(state: ViewState, store: ScanStore) -> Picture | None:
    """Give the shown units at the shown token, None where there is nothing to show.

    The scale holds for the whole turn so far, so that tokens can be compared.
    """
    subject = views.of(state).subject(state)
    values = values_at(subject, store, state.at, state.site) if subject else None
    if subject is None or values is None or state.at is None:
        return None
    if not state.difference:
        stand_ins = _turn_sample(state, store, state.at, subject)
        return Picture(values, _scale(state, np.concatenate([values, stand_ins.ravel()])))
    before = store.step(state.at, state.site, -1)
    near = before if before and before.turn == state.at.turn else None
    earlier = values_at(subject, store, near, state.site)
    if earlier is None:
        return None
    change = values - earlier
    changes = np.diff(sample(subject, store, state.at.turn, state.site), axis=0)
    return Picture(change, _scale(state, np.concatenate([change, changes.ravel()])))


def _turn_sample(state: ViewState, store: ScanStore, at: Moment, subject: Subject) -> Rows:
    """Give values that stand for the turn: its extremes, or a spread of its scans for percentiles."""
    if state.clip:
        return sample(subject, store, at.turn, state.site)
    known = store.turns[at.turn].extremes
    ends = [known[state.site, layer] for layer in subject.layers if (state.site, layer) in known]
    return np.asarray(ends, np.float32)


def _scale(state: ViewState, values: Rows) -> Scale:
    return window(values, state.colour_map, log=state.log, clip=state.clip)


def why_empty(state: ViewState, store: ScanStore) -> tuple[str, str]:
    """Give a headline and a sentence for a view without a picture."""
    if state.link.link is Link.REFUSED:
        return "No connection", state.link.sentence
    if state.card is None:
        return "Waiting for the server", state.link.sentence
    if state.clusters is None and views.of(state).of_clusters:
        return _why_no_clusters(state)
    return _why_no_values(state, store, state.card)


def _why_no_clusters(state: ViewState) -> tuple[str, str]:
    if state.misfit:
        return "These clusters are of another model", f"{state.misfit[0].upper()}{state.misfit[1:]}."
    return (
        "No clusters yet",
        "`llmri cluster` collects scans from this server and writes a file of clusters; "
        "`llmri view --clusters FILE` shows it here.",
    )


def _why_no_values(state: ViewState, store: ScanStore, card: ModelCard) -> tuple[str, str]:
    if state.at is None and not any(turn.sheets for turn in store.turns.values()):
        return (
            f"Connected to {card.name}",
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
