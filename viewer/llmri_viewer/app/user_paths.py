"""Where a person's own files are (XDG Base Directory Specification 0.8)."""

import os
from pathlib import Path

NAME = "llmri"


def own_keys() -> Path | None:
    """Return a person's own key table, `llmri/keys.toml` among their settings; None where there is none."""
    file = _home("XDG_CONFIG_HOME", ".config")
    return file / "keys.toml" if file is not None and (file / "keys.toml").is_file() else None


def is_first_run() -> bool:
    """Tell whether nobody closed the hint of the first run yet."""
    mark = _hint_mark()
    return mark is not None and not mark.exists()


def remember_hint() -> None:
    """Note that the hint was closed; where that cannot be written it shows again."""
    mark = _hint_mark()
    if mark is None:
        return
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        return  # a hint too many is no reason to bother anybody


def _hint_mark() -> Path | None:
    folder = _home("XDG_STATE_HOME", ".local/state")
    return folder / "hint-closed" if folder is not None else None


def _home(variable: str, otherwise: str) -> Path | None:
    """Return our folder in a base directory; a relative one in the environment is to be ignored."""
    base = Path(os.environ.get(variable, ""))
    if base.is_absolute():
        return base / NAME
    try:
        return Path.home() / otherwise / NAME
    except RuntimeError:  # nobody's home is known
        return None
