"""What is handed to the worker: samples and all that is to be known of them, as files in one folder."""

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Clustering
from llmri_clustering.collecting import Collection, Kept, plural
from llmri_clustering.files import save
from llmri_clustering.samples import Samples, TurnText
from llmri_clustering.units import UnitSet

ORDER, VALUES, PREVIOUS = "order.json", "values.f32", "previous.llmri"
CLUSTERS, CIRCLES, PARTNERS, ERRORS = "clusters.llmri", "circles.npz", "partners.npz", "errors.txt"

What = Literal["clusters", "partners"]


class JobSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of an order but the samples' values; for each unit its layer and index, for each sample its place.

    Attributes:
        what: Clusters with all that belongs to them, or only the units that correlate most.
        model: The model's name.
        site: The units' site.
        left_out: Whether a unit takes no part.
        texts: The turns' tokens.
        words: What was left out.
        warnings: What a reader should know.
    """

    what: What
    model: str
    site: str
    layer: list[int]
    index: list[int]
    left_out: list[bool]
    turn: list[int]
    token: list[int]
    texts: dict[int, TurnText]
    words: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def units(self) -> UnitSet:
        """Return the units."""
        return UnitSet(self.site, np.asarray(self.layer, np.int32), np.asarray(self.index, np.int32))


class Task:
    """An order that can be written in any thread, however much arrives meanwhile.

    Args:
        what: What is to be made.
        model: The model's name.
        collection: The samples.
        columns: The units wanted, as indices into those of the collection.
        previous: An earlier clustering, whose numbers are kept.
    """

    def __init__(
        self,
        what: What,
        model: str,
        collection: Collection,
        columns: npt.NDArray[np.intp],
        previous: Clustering | None = None,
    ) -> None:
        self.previous = previous
        self._wanted = True
        self._kept = collection.in_order()
        self._columns = None if len(columns) == len(collection.units) else columns
        units, left_out = collection.units, collection.left_out[columns]
        self.order = JobSpec(
            what=what,
            model=model,
            site=units.site,
            layer=units.layer[columns].tolist(),
            index=units.index[columns].tolist(),
            left_out=left_out.tolist(),
            turn=[scan.turn for scan in self._kept],
            token=[scan.token for scan in self._kept],
            texts=collection.texts(),
            words=_left_out(collection, int(left_out.sum())),
            warnings=collection.tally.warnings(),
        )

    def write(self, folder: Path) -> None:
        """Write everything into a folder."""
        with (folder / VALUES).open("wb") as file:
            for scan in self._kept:
                if not self._wanted:
                    return
                file.write(self._row(scan).data)
        if self.previous is not None:
            save(folder / PREVIOUS, self.previous)
        (folder / ORDER).write_bytes(msgspec.json.encode(self.order))

    def abandon(self) -> None:
        """Have a `write` in another thread end early: nobody waits for it any more."""
        self._wanted = False

    def _row(self, scan: Kept) -> npt.NDArray[np.float32]:
        row = scan.values if self._columns is None else scan.values[self._columns]
        return np.ascontiguousarray(row, "<f4")


def read(folder: Path) -> tuple[JobSpec, Samples]:
    """Read what a task has written."""
    order = msgspec.json.decode((folder / ORDER).read_bytes(), type=JobSpec)
    values = np.fromfile(folder / VALUES, "<f4").reshape(len(order.turn), len(order.layer))
    turn, token = np.asarray(order.turn, np.int32), np.asarray(order.token, np.int32)
    return order, Samples(values.astype(np.float32, copy=False), turn, token, order.texts)


def _left_out(collection: Collection, protected: int) -> tuple[str, ...]:
    said = list(collection.tally.left_out())
    if protected:
        said.append(f"protected units: {protected}")
    if collection.kept < collection.count:
        said.append(f"all but {plural(collection.kept, 'sample')} of {collection.count}, chosen by chance")
    return tuple(said)
