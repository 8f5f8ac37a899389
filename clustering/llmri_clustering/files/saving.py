"""Writing a cluster file: all of it, or none."""

import os
from pathlib import Path
from uuid import uuid4

import msgspec
import safetensors.numpy

from llmri_clustering.clusters import Clustering
from llmri_clustering.files.consistency import check
from llmri_clustering.files.errors import ClusterFileError
from llmri_clustering.files.record import (
    DIGEST,
    RECORD,
    Record,
    arrays_of,
    digest,
    encoded,
    record_of,
    unknown_as_nan,
)


def save(path: str | os.PathLike[str], clustering: Clustering) -> None:
    """Write a clustering to one file, which `load` gives back equal.

    It is written beside and then renamed, so that a file is never there by half and a failure leaves an
    earlier one as it was.

    Raises:
        ClusterFileError: The clustering does not fit together, or the file cannot be written.
    """
    data = _bytes(clustering)
    goal = Path(os.path.realpath(path))  # a link stays, its own file is replaced
    if goal.exists() and not goal.is_file():
        raise ClusterFileError(f"{path} cannot be written: it is no file")
    part = goal.with_name(f".{goal.name}.{uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(goal)
    except OSError as error:
        raise ClusterFileError(f"{goal} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _bytes(clustering: Clustering) -> bytes:
    record = encoded(record_of(clustering))
    try:
        check(clustering)
        _check_finite(record)
    except ValueError as error:
        raise ClusterFileError(
            f"the clustering is not saved, since it does not fit together: {error}"
        ) from error
    arrays = arrays_of(clustering)
    metadata = {RECORD: record.decode(), DIGEST: digest(record, arrays)}
    return safetensors.numpy.save(dict(arrays), metadata)


def _check_finite(record: bytes) -> None:
    """Check that a record can be read again: JSON has no word for a number that is not finite.

    Raises:
        ValueError: It cannot.
    """
    try:
        msgspec.convert(unknown_as_nan(msgspec.json.decode(record)), Record)
    except msgspec.ValidationError:
        raise ValueError("a number is not finite") from None
