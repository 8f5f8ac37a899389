"""What a search found, kept in the user's cache folder for the next start."""

import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from llmri_protocol.messages import ModelCard, ProtectedUnit

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "LLMRI_CACHE"
FORMAT = 1
MOST_BYTES = 16 << 20  # of a file that is read
WHOLE = 1 << 20  # bytes up to which a file's content is read whole
BLOCK, BLOCKS = 4096, 16  # of a larger one


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of a model's files: what tells it from others without reading gigabytes."""

    name: str
    size: int
    modified: int
    digest: str


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a search's result hangs on."""

    files: tuple[File, ...]
    runtime: str
    family: str
    dtype: str
    device: str
    layers: int
    sites: tuple[tuple[str, int, bool], ...]
    text: str
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    format: int = FORMAT

    @property
    def name(self) -> str:
        """The name of the file that keeps the result."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest() + ".json"


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: Key
    protected: tuple[ProtectedUnit, ...]


def key_of(
    card: ModelCard,
    files: Sequence[Path],
    ids: Sequence[int],
    settings: Mapping[str, object],
    versions: Mapping[str, str],
) -> Key | None:
    """Return the key of a search; None where the model's files can't be told from others.

    Args:
        card: The model.
        files: Its weights, its configuration and its tokenizer.
        ids: The calibration text as it reads it.
        settings: What else changes the result.
        versions: Of the packages that compute it.
    """
    try:
        known = tuple(_file(path) for path in files)
    except OSError as error:
        logger.warning("what is found is not kept: %s", error)
        return None
    if not known:
        return None
    return Key(
        files=known,
        runtime=card.runtime,
        family=card.family,
        dtype=card.dtype,
        device=card.device,
        layers=card.layers,
        sites=tuple((site.name, site.width, site.editable) for site in card.sites),
        text=hashlib.sha256(repr(tuple(ids)).encode()).hexdigest(),
        settings={name: str(value) for name, value in settings.items()},
        versions=dict(versions),
    )


def cache_folder() -> Path:
    """Return the folder: of the variable LLMRI_CACHE, or `llmri` in the user's cache folder."""
    own, shared = os.environ.get(FOLDER_VARIABLE), os.environ.get("XDG_CACHE_HOME", "")
    if own:
        return Path(own) / "protected"
    base = Path(shared) if os.path.isabs(shared) else Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111, PTH117
    return base / "llmri" / "protected"


def recall(key: Key, card: ModelCard) -> tuple[ProtectedUnit, ...] | None:
    """Return what was found before; None where nothing is kept, or what is kept can't be used."""
    path = cache_folder() / key.name
    try:
        kept = msgspec.json.decode(_read(path), type=_Kept)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s is ignored: %s", path, str(error).splitlines()[0][:200])
        return None
    if kept.key != key or not _fits(kept.protected, card):
        logger.warning("%s is ignored: it is about another model or search", path)
        return None
    return kept.protected


def remember(key: Key, protected: tuple[ProtectedUnit, ...]) -> str | None:
    """Keep what was found, all of it or nothing; give a sentence where that can't be."""
    folder = cache_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file, name = tempfile.mkstemp(dir=folder, suffix=".part")
        try:
            with os.fdopen(file, "wb") as part:
                part.write(msgspec.json.encode(_Kept(key=key, protected=protected)))
            Path(name).replace(folder / key.name)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = error.strerror or str(error)
        return f"which units are protected can't be kept in {folder} ({why}): the next start looks again"
    return None


def _file(path: Path) -> File:
    found = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if found.st_size <= WHOLE:
            digest.update(file.read(WHOLE))
        else:
            for number in range(BLOCKS):
                file.seek((found.st_size - BLOCK) * number // (BLOCKS - 1))
                digest.update(file.read(BLOCK))
    return File(path.name, found.st_size, found.st_mtime_ns, digest.hexdigest())


def _read(path: Path) -> bytes:
    """Read a plain file of no absurd length.

    Raises:
        OSError: It can't be read.
        ValueError: It is none.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
        raise ValueError(f"expected a plain file of at most {MOST_BYTES} bytes, got {found.st_size} bytes")
    return path.read_bytes()


def _fits(protected: Sequence[ProtectedUnit], card: ModelCard) -> bool:
    widths = {site.name: site.width for site in card.sites}
    return all(
        unit.layer < card.layers and unit.unit < widths.get(unit.site, 0) and unit.test != "list"
        for unit in protected
    )
