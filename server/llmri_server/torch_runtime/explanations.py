"""Failures of the libraries that load models, each in one sentence for the user."""

import os

_OFFLINE = {
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
    "ConnectionError",
    "ConnectError",
    "ConnectTimeout",
    "ReadTimeout",
    "ProxyError",
    "gaierror",
}


def explain(model: str, error: Exception) -> str:
    """Say why a model could not be loaded, and what to do."""
    if os.path.isdir(os.path.expanduser(model)):  # noqa: PTH111, PTH112  those of `Path` raise at odd names
        return f"the folder {model} could not be loaded as a model: {first_line(error)}"
    names = _names(error)
    if "GatedRepoError" in names:
        return f"`{model}` is gated on the hub; ask for access there and log in with `hf auth login`"
    if names & {"RepositoryNotFoundError", "HFValidationError"}:
        return (
            f"there is no model `{model}` on the hub, or it is private; check the id, or give a local folder"
        )
    if is_offline(error):
        return f"`{model}` is not on this machine and the hub did not answer; check the network or the id"
    return f"`{model}` could not be loaded: {first_line(error)}"


def is_offline(error: Exception) -> bool:
    """Whether the hub could not be reached; the libraries wrap that in errors of several packages."""
    return not _OFFLINE.isdisjoint(_names(error))


def _names(error: BaseException | None) -> set[str]:
    """Return the class names of an error and of everything that led to it."""
    names: set[str] = set()
    while error is not None:
        names.add(type(error).__name__)
        error = error.__cause__ or error.__context__
    return names


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, up to where it is whole, or what it is called."""
    if isinstance(error, KeyError):  # which says nothing but the key
        return f"{error} is missing in its files, or unknown to the library"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ends = (number for number, line in enumerate(lines, start=1) if not line.endswith(":"))
    whole = " ".join(lines[: next(ends, len(lines))]).rstrip(".:")
    return whole or type(error).__name__
