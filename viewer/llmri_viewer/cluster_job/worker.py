"""The worker: `python -m llmri_viewer.cluster_job.worker FOLDER` carries out the order in a folder.

It says on its standard output how far it is. When its standard input ends, nobody waits for it any more: then
it removes the folder and ends.
"""

import os
import shutil
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from llmri_clustering.build import BuildOptions, build
from llmri_clustering.correlation import RunningCorrelation, strongest_partners
from llmri_clustering.files import load, save
from llmri_clustering.packing import pack_circles
from llmri_clustering.samples import Samples
from llmri_viewer.cluster_job import progress
from llmri_viewer.cluster_job.job_spec import CIRCLES, CLUSTERS, PARTNERS, PREVIOUS, JobSpec, read
from llmri_viewer.model.clusters.atlas import PADDING
from llmri_viewer.model.clusters.levels import worth_drawing

PARTNERS_OF_A_UNIT = 8
NICENESS = 10  # the window comes first
BATCH = 512  # samples taken into the correlation at once, between two words about it


def main(folder: Path) -> None:
    """Carry out the order in a folder."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    threading.Thread(target=_end_with_input, args=(folder,), daemon=True).start()
    try:
        order, samples = read(folder)
        (_clusters if order.what == "clusters" else _partners)(folder, order, samples)
        _tell(progress.JobReady())
    except MemoryError:
        _tell(progress.JobFailed("there is not enough memory"))
    except ValueError as error:
        _tell(progress.JobFailed(str(error)))
    except OSError as error:
        _tell(progress.JobFailed(error.strerror or str(error)))


def _clusters(folder: Path, order: JobSpec, samples: Samples) -> None:
    """Build clusters, pack their circles, and find the strongest partners."""
    options = BuildOptions()
    steps = Steps(options)
    correlation = _correlation(order, samples, steps)
    before = folder / PREVIOUS
    found = build(
        samples,
        order.units,
        model=order.model,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        options=options,
        correlation=correlation,
        previous=load(before) if before.exists() else None,
        left_out=order.words,
        progress=steps.moved,
    )
    made = found.provenance
    found = replace(found, provenance=replace(made, warnings=order.warnings + made.warnings))
    steps.moved("packing", 0, 1)
    circles = pack_circles(worth_drawing(found).nesting, padding=PADDING)
    np.savez(folder / CIRCLES, groups=circles.groups, units=circles.units)
    _save_partners(folder, correlation)
    save(folder / CLUSTERS, found)


def _partners(folder: Path, order: JobSpec, samples: Samples) -> None:
    """Find the strongest partners alone."""
    _save_partners(folder, _correlation(order, samples, Steps(None)))


def _correlation(order: JobSpec, samples: Samples, steps: "Steps") -> RunningCorrelation:
    left_out = np.asarray(order.left_out, np.bool_)
    running = RunningCorrelation(len(left_out), left_out=left_out, skip_first=0)
    for first in range(0, len(samples), BATCH):
        steps.moved("correlation", first, len(samples))
        running.add(samples.values[first : first + BATCH])
    return running


def _save_partners(folder: Path, running: RunningCorrelation) -> None:
    correlation = running.correlation()
    found = strongest_partners(correlation, min(PARTNERS_OF_A_UNIT, len(correlation) - 1))
    np.savez(folder / PARTNERS, unit=found.unit, r=found.r)


class Steps:
    """Tells how far all is, by what the steps weigh: a linkage 1, the layout as much as three.

    Args:
        options: Of the build; None where there is only a correlation.
    """

    def __init__(self, options: BuildOptions | None) -> None:
        followed = options.resamples + options.nulls * (1 + options.resamples) if options else 0
        weights = {"correlation": 1, "linkage": 1, "evidence": followed, "layout": 3, "packing": 1}
        self._weights = weights if options else {"correlation": 1}

    def moved(self, step: str, done: int, of: int) -> None:
        """Tell that a step is so far."""
        before = 0
        for name, weight in self._weights.items():
            if name == step:
                share = before + weight * done / max(1, of)
                words = f"{WORDS[step]}, {done} of {of}" if step == "evidence" else WORDS[step]
                _tell(progress.JobStep(words, round(100 * share), 100 * sum(self._weights.values())))
                return
            before += weight


WORDS = {
    "correlation": "correlating all pairs of units",
    "linkage": "linking units that fire together",
    "evidence": "clustering halves and shuffled samples",
    "layout": "laying units out",
    "packing": "packing circles",
}


def _tell(said: progress.JobProgress) -> None:
    sys.stdout.buffer.write(progress.line(said))
    sys.stdout.buffer.flush()


def _end_with_input(folder: Path) -> None:
    sys.stdin.buffer.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
