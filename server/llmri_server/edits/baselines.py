"""What units do when nothing is edited: what `mean` and `resample` put in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from llmri_protocol.messages import Baseline, Edit
from llmri_server.edits.resolution import Place, Resolved


class Array(Protocol):
    """An array of any library: `rows[[0, 2]]` gives some rows."""

    def __getitem__(self, key: Any, /) -> Any: ...  # noqa: ANN401


Rows = TypeVar("Rows", bound=Array)


class Baselines(Generic[Rows]):
    """Rows of unedited passes, and their means, each place measured when it is first needed.

    Belongs to the model's thread. Rows at special tokens are left out: they would outweigh the others, as
    massive activations stand there (Sun et al. 2024).

    Args:
        measure: Gives what passes at some places while nothing is edited, `[positions, width]` each.
        mean: Gives the mean over positions, `[width]`, in float32.
        calibration: Gives the calibration text's tokens.
        special: The special tokens.
    """

    def __init__(
        self,
        measure: Callable[[Sequence[int], Sequence[Place]], Mapping[Place, Rows]],
        mean: Callable[[Rows], Rows],
        calibration: Callable[[], Sequence[int]],
        special: frozenset[int],
    ) -> None:
        self._measure = measure
        self._mean = mean
        self._calibration = calibration
        self._special = special
        self._conversation: tuple[int, ...] = ()
        self._samples: dict[Place, Rows] = {}
        self._means: dict[tuple[Baseline, Place], Rows] = {}

    def converse(self, ids: Sequence[int]) -> None:
        """Make this the conversation so far; what was measured over an earlier one is forgotten."""
        self._conversation = tuple(ids)
        self._means = {key: mean for key, mean in self._means.items() if key[0] != "conversation"}

    def prepare(self, resolved: Resolved) -> None:
        """Measure what these edits need and is not known yet: at most one pass over each text."""
        needs = [
            (place, edit)
            for place, here in resolved.items()
            for edit in {id(edit): edit for edit in here.units.values()}.values()
            if edit.operation.sampled
        ]
        self._sample(place for place, edit in needs if self._text_of(edit) == "calibration")
        self._average(place for place, edit in needs if self._text_of(edit) == "conversation")

    def samples(self, place: Place) -> Rows:
        """Return the calibration text's rows, `[samples, width]`, as they were measured."""
        return self._samples[place]

    def mean(self, place: Place, edit: Edit) -> Rows:
        """Return the mean of each unit over the edit's baseline, float32 `[width]`."""
        text = self._text_of(edit)
        if (text, place) not in self._means:
            self._means[text, place] = self._mean(self._samples[place])
        return self._means[text, place]

    def _text_of(self, edit: Edit) -> Baseline:
        """Return what an edit is based on; before anything was said that is the calibration text."""
        said = self._conversation and edit.operation.averaged
        return edit.baseline if said else "calibration"

    def _sample(self, places: Iterable[Place]) -> None:
        missing = [place for place in dict.fromkeys(places) if place not in self._samples]
        if missing:
            self._samples.update(self._rows(self._calibration(), missing))

    def _average(self, places: Iterable[Place]) -> None:
        missing = [place for place in dict.fromkeys(places) if ("conversation", place) not in self._means]
        if missing:
            rows = self._rows(self._conversation, missing)
            self._means.update({("conversation", place): self._mean(rows[place]) for place in missing})

    def _rows(self, ids: Sequence[int], places: Sequence[Place]) -> dict[Place, Rows]:
        """Return the rows at tokens that are not special; all rows where there are no others."""
        ordinary = [number for number, token in enumerate(ids) if token not in self._special]
        chosen = ordinary or list(range(len(ids)))
        return {place: rows[chosen] for place, rows in self._measure(ids, places).items()}
