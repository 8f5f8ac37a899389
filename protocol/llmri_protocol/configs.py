"""Where the bundled configuration is, and how a file of it is read and validated."""

import difflib
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class ConfigError(ValueError):
    """A configuration file cannot be used; the message names the file, the key and what would do."""


@cache
def folder() -> Path:
    """Give the folder of the bundled TOML files: in a wheel inside `llmri`, else beside the packages."""
    for root in Path(__file__).resolve().parents[1:3]:
        for candidate in (root / "llmri" / "configs", root / "configs"):
            if candidate.is_dir():
                return candidate
    raise ConfigError("the folder `configs` was not installed; reinstall llmri")


def load(path: Path, kind: type[T]) -> T:
    """Read a TOML file as `kind`, a msgspec struct that forbids unknown fields.

    Raises:
        ConfigError: The file is missing, no TOML, or does not fit; an unknown key is answered with
            the nearest known one.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}{_nearest(str(error), kind)}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is no valid TOML: {error}") from None


def _nearest(error: str, kind: type) -> str:
    """Suggest a field for an unknown one: msgspec names it between backquotes."""
    if "unknown field" not in error or not hasattr(kind, "__struct_encode_fields__"):
        return ""
    unknown = error.split("`")[1]
    known = difflib.get_close_matches(unknown, kind.__struct_encode_fields__, n=1, cutoff=0.0)
    return f"; did you mean `{known[0]}`?" if known else ""
