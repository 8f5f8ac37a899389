"""The worker as a process: started, listened to and ended without the frame loop ever waiting for it."""

import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np

from llmri_clustering.correlation import Partners
from llmri_clustering.files import load
from llmri_clustering.packing import Packing
from llmri_viewer.cluster_job import progress
from llmri_viewer.cluster_job.job_spec import CIRCLES, CLUSTERS, ERRORS, PARTNERS, Task
from llmri_viewer.model.clusters.atlas import Atlas

PATIENCE = 5.0  # seconds for the folder to be gone, once the worker is killed
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # of linear algebra


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a worker made: clusters and partners, or partners alone."""

    partners: Partners
    atlas: Atlas | None = None


class WorkerProcess:
    """Carries out one task in a process and folder of its own.

    Attributes:
        what: What is to be made.
        news: What it told: steps, and last what was made or why nothing was. Nothing after `stop`.
    """

    def __init__(self, task: Task) -> None:
        self.news: queue.SimpleQueue[progress.JobStep | progress.JobFailed | JobResult] = queue.SimpleQueue()
        self.what = task.order.what
        self._task = task
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="llmri clusters", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Return the process's number, None before it is started."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """End it; what it has done is lost."""
        self._task.abandon()
        with self._starting:
            self._stopped.set()
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End it, and wait until its folder is gone."""
        self.stop()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        try:
            with TemporaryDirectory(prefix="llmri-clusters-", ignore_cleanup_errors=True) as name:
                self._carry_out(Path(name))
        except (OSError, ValueError, MemoryError) as error:
            self._tell(progress.JobFailed(str(error)))

    def _carry_out(self, folder: Path) -> None:
        self._task.write(folder)
        with (folder / ERRORS).open("wb") as errors:
            process = self._started(folder, errors)
        if process is None:
            return
        with process:
            end: progress.JobProgress | None = None
            for line in process.stdout or ():
                said = progress.read(line)
                if isinstance(said, progress.JobStep):
                    self._tell(said)
                end = said or end
            if isinstance(end, progress.JobReady):
                self._tell(_made(folder))
            else:
                code = process.wait()
                self._tell(
                    end if isinstance(end, progress.JobFailed) else progress.JobFailed(_how(code, folder))
                )

    def _started(self, folder: Path, errors: IO[bytes]) -> "subprocess.Popen[bytes] | None":
        """Start the worker, None where it was stopped before."""
        with self._starting:
            if self._stopped.is_set():
                return None
            self._process = subprocess.Popen(
                # -P: a file of the present folder must not pass for a module
                [sys.executable, "-P", "-m", "llmri_viewer.cluster_job.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | dict.fromkeys(THREADS, str(max(1, (os.cpu_count() or 1) - 1))),
            )
            return self._process

    def _tell(self, said: "progress.JobStep | progress.JobFailed | JobResult") -> None:
        if not self._stopped.is_set():
            self.news.put(said)


def _made(folder: Path) -> JobResult:
    with np.load(folder / PARTNERS) as arrays:
        partners = Partners(arrays["unit"], arrays["r"])
    if not (folder / CLUSTERS).exists():
        return JobResult(partners)
    with np.load(folder / CIRCLES) as arrays:
        circles = Packing(arrays["groups"], arrays["units"])
    return JobResult(partners, Atlas.packed(load(folder / CLUSTERS), circles))


def _how(code: int, folder: Path) -> str:
    """Say how a worker ended that told nothing."""
    if code < 0:
        return f"its process was killed by signal {-code}, perhaps for want of memory"
    last = (folder / ERRORS).read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
    return f"its process ended with {code}{': ' if last else ''}{last}"
