"""What units do when nothing is edited: what `mean` and `resample` put in."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from llmri_protocol.messages import Baseline, Edit
from llmri_server.edits import Place, Resolved

Measure = Callable[[Sequence[int], Sequence[Place]], Mapping[Place, Tensor]]
FROM_SAMPLES = ("mean", "resample")


class Baselines:
    """Rows of unedited passes, and their means, each place measured when it is first needed.

    Belongs to the model's thread. Rows at special tokens are left out: they would outweigh the others, as
    massive activations stand there (Sun et al. 2024).
    """

    def __init__(
        self, measure: Measure, calibration: Callable[[], Sequence[int]], special: frozenset[int]
    ) -> None:
        self._measure = measure
        self._calibration = calibration
        self._special = special
        self._conversation: tuple[int, ...] = ()
        self._samples: dict[Place, Tensor] = {}
        self._means: dict[tuple[Baseline, Place], Tensor] = {}

    def converse(self, ids: Sequence[int]) -> None:
        """Make this the conversation so far; what was measured over an earlier one is forgotten."""
        self._conversation = tuple(ids)
        self._means = {
            (kind, place): mean for (kind, place), mean in self._means.items() if kind != "conversation"
        }

    def prepare(self, resolved: Resolved) -> None:
        """Measure what these edits need and is not known yet: at most one pass over each text."""
        needs = [
            (place, edit)
            for place, here in resolved.items()
            for edit in here.units.values()
            if edit.op in FROM_SAMPLES
        ]
        self._sample(place for place, edit in needs if self._text_of(edit) == "calibration")
        self._average(place for place, edit in needs if self._text_of(edit) == "conversation")

    def samples(self, place: Place) -> Tensor:
        """Give the calibration text's rows, `[samples, width]`, in the model's dtype."""
        return self._samples[place]

    def mean(self, place: Place, edit: Edit) -> Tensor:
        """Give the mean of each unit over the edit's baseline, float32 `[width]`."""
        text = self._text_of(edit)
        if (text, place) not in self._means:
            self._means[text, place] = _mean(self._samples[place])
        return self._means[text, place]

    def _text_of(self, edit: Edit) -> Baseline:
        """Give what an edit is based on; before anything was said that is the calibration text."""
        said = self._conversation and edit.op == "mean"
        return edit.baseline if said else "calibration"

    def _sample(self, places: Iterable[Place]) -> None:
        missing = [place for place in dict.fromkeys(places) if place not in self._samples]
        if missing:
            self._samples.update(self._rows(self._calibration(), missing))

    def _average(self, places: Iterable[Place]) -> None:
        missing = [place for place in dict.fromkeys(places) if ("conversation", place) not in self._means]
        if missing:
            rows = self._rows(self._conversation, missing)
            self._means.update({("conversation", place): _mean(rows[place]) for place in missing})

    def _rows(self, ids: Sequence[int], places: Sequence[Place]) -> dict[Place, Tensor]:
        """Give the rows at tokens that are not special; all rows where there are no others."""
        ordinary = [number for number, token in enumerate(ids) if token not in self._special]
        chosen = ordinary or list(range(len(ids)))
        return {place: rows[chosen] for place, rows in self._measure(ids, places).items()}


def _mean(rows: Tensor) -> Tensor:
    return rows.double().mean(dim=0).to(torch.float32)
