"""Where clusters are made: samples come in, effects are carried out, and what was made is shown."""

import queue
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Clustering
from llmri_clustering.collecting import Collection
from llmri_clustering.files import ClusterFileError, save
from llmri_clustering.units import UnitSet
from llmri_look import words
from llmri_protocol.messages import ModelCard, ServerMessage, Welcome
from llmri_viewer.cluster_job import progress
from llmri_viewer.cluster_job.gatherer import Gatherer
from llmri_viewer.cluster_job.job_spec import Task, What
from llmri_viewer.cluster_job.process import JobResult, WorkerProcess
from llmri_viewer.commands.base import Step
from llmri_viewer.commands.clusters import TakeClusters
from llmri_viewer.commands.effects import (
    BuildClusters,
    FindPartners,
    SaveClusters,
    SessionEffect,
    StopBuilding,
)
from llmri_viewer.files.writing import timed
from llmri_viewer.model.clusters import cluster_words
from llmri_viewer.model.clusters.gathered import Job
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.state import LinkStatus, ViewState

FIRST_STEP = "handing over samples"
STOPPED = "stopped; the clusters are as they were"
WORK: Mapping[What, str] = MappingProxyType(
    {"clusters": "building clusters", "partners": "correlating units"}
)


class ClusterBuilder:
    """Collects samples, and has clusters built of them, one job at a time; nothing here waits.

    Args:
        folder: Where clusters are saved.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path()
        self._gatherer = Gatherer()
        self._worker: WorkerProcess | None = None
        self._counted: tuple[ModelCard | None, str, int] = (None, "", 0)  # of what samples were counted last
        self._session = ""  # of the server whose samples are worked on
        self._said: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()  # a sentence; is it a warning?

    @property
    def pid(self) -> int | None:
        """Return the number of the process at work."""
        return self._worker.pid if self._worker else None

    def take(self, event: ServerMessage | LinkStatus, state: ViewState, store: ScanStore) -> ViewState:
        """Take an event, after the store has; another session's clusters are not built any more."""
        gathered = self._gatherer.take(event, state, store)
        if isinstance(event, Welcome) and self._worker is not None and event.session != self._session:
            self._stop()
            sentence = "the building of clusters was ended, since the server began anew"
            state = replace(state, clusters=replace(state.clusters, job=None)).noticing(
                sentence, warning=True
            )
        return (
            state
            if gathered == state.clusters.gathered
            else replace(state, clusters=replace(state.clusters, gathered=gathered))
        )

    def run(self, effect: SessionEffect, state: ViewState) -> ViewState:
        """Begin or end what an effect asks for."""
        match effect:
            case BuildClusters(layers):
                return self._build(state, layers)
            case FindPartners():
                return self._find_partners(state)
            case StopBuilding():
                self._stop()
                return replace(state, clusters=replace(state.clusters, job=None)).noticing(STOPPED)
            case SaveClusters():
                return self._save(state)

    def poll(self, state: ViewState, store: ScanStore) -> Step:
        """Return what became of it since."""
        if not self._said.empty():
            sentence, warning = self._said.get()
            state = state.noticing(sentence, warning=warning)
        gathered = self._gatherer.gathered(state) if self._elsewhere(state) else state.clusters.gathered
        state = (
            state
            if gathered == state.clusters.gathered
            else replace(state, clusters=replace(state.clusters, gathered=gathered))
        )
        while self._worker is not None and not self._worker.news.empty():
            match self._worker.news.get():
                case progress.JobStep(step, done, of):
                    state = replace(state, clusters=replace(state.clusters, job=Job(step, done, of)))
                case progress.JobFailed(why):
                    sentence = f"{WORK[self._worker.what]} failed: {why}"
                    self._worker = None
                    return Step(
                        replace(
                            state,
                            clusters=replace(state.clusters, job=None),
                            look=replace(state.look, edges=False),
                        ).noticing(sentence, warning=True)
                    )
                case JobResult(partners, atlas):
                    self._worker = None
                    state = replace(state, clusters=replace(state.clusters, job=None))
                    if atlas is not None:
                        return TakeClusters(atlas, partners).apply(state, store)
                    state = replace(state, clusters=replace(state.clusters, partners=partners))
        return Step(state)

    def _elsewhere(self, state: ViewState) -> bool:
        """Tell whether another model, site or layer is shown than when samples were counted last."""
        before = self._counted
        self._counted = (state.connection.card, state.pane.site, state.pane.layer)
        return self._counted[0] is not before[0] or self._counted[1:] != before[1:]

    def close(self) -> None:
        """End what is under way, and leave nothing behind."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _build(self, state: ViewState, layers: tuple[int, ...] | None) -> ViewState:
        """Have the clusters of some layers built, by default of all that are clustered together."""
        chosen = layers or state.clusters.gathered.layers
        collection = self._gatherer.collection(state.pane.site, chosen[0]) if chosen else None
        if (
            state.connection.card is None
            or collection is None
            or collection.count < state.clusters.gathered.needed
        ):
            return state.noticing(cluster_words.missing_samples(state.clusters.gathered), warning=True)
        columns = np.flatnonzero(np.isin(collection.units.layer, chosen))
        before = state.atlas.whole if state.atlas and state.atlas.site == state.pane.site else None
        what = f"{words.count(len(columns), 'unit')} of {words.layers(chosen)}"
        if layers is None and len(chosen) < state.connection.card.layers:
            what += ", since all layers are too many units at once"
        task = Task("clusters", state.connection.card.name, collection, columns, before)
        notice = f"building clusters of {what}; {{view.out}} stops it"
        return self._begun(state.noticing(notice), task)

    def _find_partners(self, state: ViewState) -> ViewState:
        """Have the strongest partners found for clusters that came without."""
        atlas = state.atlas
        collection = self._gatherer.collection(atlas.site, atlas.layers[0]) if atlas else None
        columns = _columns(atlas.clustering, collection) if atlas and collection else None
        if state.connection.card is None or collection is None or columns is None:
            sentence = "the scans kept lack layers of these clusters: {clusters.build} builds them anew"
            return replace(state, look=replace(state.look, edges=False)).noticing(sentence, warning=True)
        return self._begun(state, Task("partners", state.connection.card.name, collection, columns))

    def _begun(self, state: ViewState, task: Task) -> ViewState:
        self._stop()
        self._session = state.connection.session
        self._worker = WorkerProcess(task)
        return replace(state, clusters=replace(state.clusters, job=Job(FIRST_STEP)))

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _save(self, state: ViewState) -> ViewState:
        """Write the clusters to a file named by time, in a thread: the disk may be slow."""
        if state.atlas is None:
            return state
        threading.Thread(target=self._write, args=(state.atlas.whole,), name="llmri save").start()
        return state

    def _write(self, clustering: Clustering) -> None:
        try:
            path = timed(self._folder / "clusters", ".llmri")
            save(path, clustering)
        except (ClusterFileError, OSError, MemoryError) as error:
            self._said.put((f"the clusters are not saved: {error}", True))
        else:
            self._said.put((f"saved {path}: llmri view --clusters {path} shows it", False))


def _columns(clustering: Clustering, collection: Collection) -> npt.NDArray[np.intp] | None:
    """Return where each unit of a clustering is among those collected; None where one is not."""
    wanted, there = _places(clustering.units), _places(collection.units)
    order = np.argsort(there)
    at = order[np.minimum(np.searchsorted(there, wanted, sorter=order), len(there) - 1)]
    return at if np.array_equal(there[at], wanted) else None


def _places(units: UnitSet) -> npt.NDArray[np.int64]:
    """Return each unit's place as one number."""
    return units.layer.astype(np.int64) << 32 | units.index
