"""Evidence as it was gathered, in a file: for a later build, in another process, to go on with."""

import os
from pathlib import Path
from uuid import uuid4

import msgspec
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from llmri_clustering.building.known import KnownEvidence
from llmri_clustering.evidence import Permutation, Quality
from llmri_clustering.files.errors import ClusterFileError

FORMAT = "llmri evidence 1"
PARTS = ("numbers", "sizes", "inside", "separation")


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    clusters: str
    search: str
    samples: int
    permutations: int


def save_evidence(path: str | os.PathLike[str], known: KnownEvidence) -> None:
    """Write evidence to one file: all of it, or none.

    Raises:
        ClusterFileError: It cannot be written.
    """
    words = _Words(FORMAT, known.clusters, known.search, known.samples, len(known.permutations))
    arrays = {"agreement": known.agreement}
    for number, permutation in enumerate(known.permutations):
        arrays[f"{number}.agreement"] = permutation.agreement
        arrays |= {f"{number}.{part}": getattr(permutation.quality, part) for part in PARTS}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    goal = Path(path)
    part = goal.with_name(f".{goal.name}.{uuid4().hex[:8]}.part")
    try:
        safetensors.numpy.save_file(contiguous, part, {"words": msgspec.json.encode(words).decode()})
        part.replace(goal)
    except (OSError, SafetensorError) as error:
        raise ClusterFileError(f"{goal} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def load_evidence(path: str | os.PathLike[str]) -> KnownEvidence:
    """Read the evidence that `save_evidence` wrote.

    Raises:
        ClusterFileError: The file is missing, or holds no evidence.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            words = msgspec.json.decode((file.metadata() or {}).get("words", ""), type=_Words)
            if words.format != FORMAT:
                raise ValueError(f"its format is {words.format!r}, expected {FORMAT!r}")
            permutations = tuple(
                Permutation(
                    Quality(*(file.get_tensor(f"{number}.{part}") for part in PARTS)),
                    file.get_tensor(f"{number}.agreement"),
                )
                for number in range(words.permutations)
            )
            known = KnownEvidence(
                words.clusters, words.search, words.samples, file.get_tensor("agreement"), permutations
            )
            _check(known)
            return known
    except OSError as error:
        raise ClusterFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ClusterFileError(f"{path} holds no evidence: {error}") from error


def _check(known: KnownEvidence) -> None:
    """Check that the arrays fit each other.

    Raises:
        ValueError: They do not.
    """
    for agreement, clusters in (
        (known.agreement, known.agreement.shape[-1]),
        *((each.agreement, len(each)) for each in known.permutations),
    ):
        if agreement.ndim != 2 or agreement.shape[1] != clusters or not np.isfinite(agreement).all():  # noqa: PLR2004
            raise ValueError(f"an agreement has shape {agreement.shape}, expected [halves, {clusters}]")
    for each in known.permutations:
        shapes = {getattr(each.quality, part).shape for part in PARTS}
        if shapes != {(len(each),)} or not len(each.agreement):
            raise ValueError(f"a permutation's clusters have shapes {shapes}, expected [{len(each)}]")
