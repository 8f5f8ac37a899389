"""Where the bundled configuration is, and how a file of it is read and validated."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from llmri_protocol.plain_words import in_plain_words, key_of
from llmri_protocol.suggestions import did_you_mean
from llmri_protocol.user_files import TextError, read_text

T = TypeVar("T")


class ConfigError(ValueError):
    """A configuration file cannot be used; the message names the file, the key and what would do."""


@cache
def folder() -> Path:
    """Return the folder of the bundled TOML files: in a wheel inside `llmri`, else beside the packages."""
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
        return msgspec.convert(read_toml(path), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{path}: {in_plain_words(error, key_of, kind)}{_nearest(str(error), kind)}"
        ) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file as it is.

    Raises:
        ConfigError: The file is missing, or no TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except TextError as error:
        raise ConfigError(f"{path} can't be used: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is no valid TOML: it is nested too deeply") from None
    except ValueError as error:  # also what no TOML error says: a number of thousands of digits
        raise ConfigError(f"{path} is no valid TOML: {str(error).partition(';')[0]}") from None


def _nearest(error: str, kind: type) -> str:
    """Suggest a field for an unknown one: msgspec names it between backquotes."""
    if "unknown field" not in error or not hasattr(kind, "__struct_encode_fields__"):
        return ""
    return did_you_mean(error.split("`")[1], kind.__struct_encode_fields__)
