"""What was collected, in a file: kept where no clustering came of it, so that another can be tried."""

from pathlib import Path
from uuid import uuid4

import msgspec
import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from llmri.cluster.collection import Collected
from llmri.cluster.errors import ClusterError
from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.correlation.state import array, nested, part
from llmri_clustering.files import map_samples
from llmri_clustering.samples import Samples, TurnText
from llmri_clustering.units import UnitSet
from llmri_protocol.plain_words import in_plain_words
from llmri_protocol.user_files import target

VALUES = "values"  # may exceed memory: they are mapped, and read a few units at a time
FORMAT = "llmri samples 1"


class _Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: tuple[str, ...]
    group: str


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is no array."""

    model: str
    site: str
    texts: dict[int, _Text]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]


def save(path: Path, collected: Collected) -> None:
    """Write everything, as safetensors with the words in its metadata: all of it, or none.

    Raises:
        OSError: It can't be written.
    """
    samples, units = collected.samples, collected.units
    texts = {turn: _Text(text.tokens, text.group) for turn, text in samples.texts.items()}
    words = _Words(collected.model, units.site, texts, collected.left_out, collected.warnings)
    arrays = {
        VALUES: samples.values,
        "turn": samples.turn,
        "token": samples.token,
        "layer": units.layer,
        "index": units.index,
        "protected": collected.protected,
        **({} if collected.correlation is None else nested("correlation", collected.correlation.state())),
    }
    contiguous = {name: np.require(value, requirements="C") for name, value in arrays.items()}
    metadata = {"format": FORMAT, "words": msgspec.json.encode(words).decode()}
    goal = target(path)
    part = goal.with_name(f".{goal.name[:100]}.{uuid4().hex[:8]}.part")
    try:
        safetensors.numpy.save_file(contiguous, part, metadata)
        part.replace(goal)
    except (OSError, safetensors.SafetensorError) as error:
        why = str(error).rpartition("I/O error: ")[2]
        raise OSError(f"{path} cannot be written: {why}") from error
    finally:
        part.unlink(missing_ok=True)


def load(path: Path) -> Collected:
    """Read what `save` wrote.

    Raises:
        ClusterError: It can't be read, or holds no samples.
    """
    if not path.is_file():
        raise ClusterError(f"cannot read {path}: {'it is no file' if path.exists() else 'there is none'}")
    try:
        arrays, words = _read(path)
        samples = Samples(
            array(arrays, VALUES, np.float32, (None, None)),
            array(arrays, "turn", np.int32, (None,)),
            array(arrays, "token", np.int32, (None,)),
            {turn: TurnText(text.tokens, text.group) for turn, text in words.texts.items()},
        )
        units = UnitSet(
            words.site, array(arrays, "layer", np.int32, (None,)), array(arrays, "index", np.int32, (None,))
        )
        if len(units.index) != len(units.layer):
            raise ValueError(f"{len(units.layer)} units have a layer and {len(units.index)} an index")
        state = part("correlation", arrays)
        correlation = RunningCorrelation.from_state(state) if state else None
        return Collected(
            words.model,
            units,
            samples,
            correlation,
            _protected(arrays, correlation, len(units)),
            words.left_out,
            words.warnings,
        )
    except OSError as error:
        raise ClusterError(f"cannot read {path}: {error.strerror or error}") from None
    except (safetensors.SafetensorError, msgspec.MsgspecError, ValueError, KeyError, RecursionError) as error:
        raise ClusterError(f"{path} holds no samples of llmri cluster: {in_plain_words(error)}") from None


def _protected(
    arrays: dict[str, npt.NDArray[np.generic]], correlation: RunningCorrelation | None, units: int
) -> npt.NDArray[np.bool_]:
    """Return the units that do not take part; an earlier version's file has them in the correlation alone."""
    if "protected" in arrays or correlation is None:
        return array(arrays, "protected", np.bool_, (units,))
    return correlation.left_out


def _read(path: Path) -> tuple[dict[str, npt.NDArray[np.generic]], _Words]:
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ValueError(f"its format is {metadata.get('format')!r}, expected {FORMAT!r}")
        words = msgspec.json.decode(metadata.get("words", ""), type=_Words)
        arrays = {name: file.get_tensor(name) for name in file.keys() if name != VALUES}  # noqa: SIM118
        if VALUES in file.keys():  # noqa: SIM118 - it is no mapping
            arrays[VALUES] = map_samples(path, VALUES)
        return arrays, words
