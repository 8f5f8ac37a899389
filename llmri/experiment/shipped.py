"""The experiments that come with LLMRI."""

from difflib import get_close_matches
from pathlib import Path

from llmri_protocol.configs import folder
from llmri_server.experiments.errors import ExperimentError


def shipped() -> dict[str, Path]:
    """Give the bundled files by name."""
    return {path.stem: path for path in sorted((folder() / "experiments").glob("*.toml"))}


def located(given: str) -> Path:
    """Give the file that is meant: one that is there, or a bundled one by name.

    Raises:
        ExperimentError: It is neither.
    """
    known = shipped()
    if given in known:
        return known[given]
    path = Path(given)
    if not path.is_file():
        near = get_close_matches(given, known, n=1, cutoff=0.0)
        raise ExperimentError(
            f"there is no file {given}, and no bundled experiment of that name; bundled are "
            f"{', '.join(known)}" + (f"; did you mean `{near[0]}`?" if near else "")
        )
    return path
