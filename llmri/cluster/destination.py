"""Where a clustering goes: looked at before anything is collected, so that nothing is lost afterwards."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from llmri.cluster import samples_file
from llmri.cluster.collection import Collected
from llmri.cluster.errors import ClusterError
from llmri_clustering.clusters import Clustering
from llmri_clustering.files import ClusterFileError, load, save


def check(out: Path) -> None:
    """See that a file can be written here.

    Raises:
        ClusterError: It can't.
    """
    if out.is_dir():
        raise ClusterError(f"{out} is a folder, expected a file to write such as {out / 'clusters.llmri'}")
    try:
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise ClusterError(f"cannot write {out}: {error.strerror} in {out.parent}") from None


def opened(path: Path) -> Clustering:
    """Read a clustering.

    Raises:
        ClusterError: It can't be read, or is none.
    """
    try:
        return load(path)
    except ClusterFileError as error:
        raise ClusterError(str(error)) from None


def previous(out: Path, named: Path | None) -> Clustering | None:
    """Return the clustering whose numbers are kept: of the file named, or of the one that will be replaced.

    Raises:
        ClusterError: It can't be read; a file that is no clustering is not replaced.
    """
    if named is not None:
        return opened(named)
    if not out.exists():
        return None
    try:
        return opened(out)
    except ClusterError as error:
        raise ClusterError(f"{error}; so it is not replaced: name another file with --out") from None


def check_model(before: Clustering | None, model: str) -> None:
    """See that the clustering whose numbers are kept is of the model that is clustered.

    Raises:
        ClusterError: It is of another.
    """
    if before is not None and before.provenance.model != model:
        raise ClusterError(
            f"the earlier clusters are of {before.provenance.model} and the server's model is {model}; "
            "name another file, with --previous or --out"
        )


def keep(clustering: Clustering, out: Path) -> Path:
    """Write the clustering, elsewhere where it cannot be written there; give where it is.

    Raises:
        ClusterError: It can be written nowhere.
    """
    return _first_that_works(lambda path: save(path, clustering), out)


def rescue(collected: Collected, out: Path) -> Path:
    """Write what was collected beside the file that was wanted, or elsewhere; give where it is.

    What an earlier run left there stays.

    Raises:
        ClusterError: It can be written nowhere.
    """
    beside = out.with_name(f"{out.name}.samples")
    wanted = out.with_name(f"{_now()}-{beside.name}") if beside.exists() else beside
    return _first_that_works(lambda path: samples_file.save(path, collected), wanted)


def _first_that_works(write: Callable[[Path], None], wanted: Path) -> Path:
    elsewhere = Path(tempfile.gettempdir()) / f"{_now()}-{wanted.name}"
    failures = []
    for path in (wanted, elsewhere):
        try:
            write(path)
        except (OSError, ClusterFileError) as error:
            failures.append(str(error))
        else:
            return path
    raise ClusterError(f"{'; '.join(failures)}; make room, or name a folder that has some with TMPDIR")


def _now() -> str:
    return time.strftime("%Y%m%d-%H%M%S")
