"""The experiments that come with LLMRI."""

from pathlib import Path

from llmri_protocol.configs import folder
from llmri_protocol.suggestions import did_you_mean
from llmri_server.experiments.errors import ExperimentError


def shipped() -> dict[str, Path]:
    """Return the bundled files by name."""
    return {path.stem: path for path in sorted((folder() / "experiments").glob("*.toml"))}


def located(given: str) -> Path:
    """Return the file that is meant: one that is there, or a bundled one by name.

    Raises:
        ExperimentError: It is neither.
    """
    known = shipped()
    if given in known:
        return known[given]
    path = Path(given)
    if not path.is_file():
        raise ExperimentError(
            f"there is no file {given}, and no bundled experiment of that name; bundled are "
            f"{', '.join(known)}{did_you_mean(given, known)}"
        )
    return path
