"""What is known of a model's protected units when it is loaded, and what is still to be looked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from llmri_protocol.messages import ProtectedUnit
from llmri_server.protection import verdict_cache
from llmri_server.protection.examination import Examination
from llmri_server.protection.finding import each_once, examine, known
from llmri_server.runtime import NonFiniteError, Runtime, UnsupportedError
from llmri_server.settings import Settings

PACKAGES = ("llmri", "torch", "transformers", "llama-cpp-python", "numpy")
COUNTING = ("protect", "protect_nats", "gpu_layers", "flash_attention")  # settings that change what is found


@dataclass(frozen=True)
class Search:
    """The search that is left to make on a model, and where its result is kept.

    Attributes:
        examination: The search, not begun; None where none is left to make.
        key: What its result is kept under; None where it is not kept.
        recalled: Whether the result of an earlier one was used.
    """

    examination: Examination | None = None
    key: verdict_cache.Key | None = None
    recalled: bool = False

    def remember(self, found: tuple[ProtectedUnit, ...]) -> str | None:
        """Keep what the whole search found; give a sentence where that can't be."""
        return None if self.key is None else verdict_cache.remember(self.key, found)


def begin(runtime: Runtime, settings: Settings, files: Sequence[Path]) -> Search:
    """Write on the card what takes no pass, listed units and what was found before; give what is left.

    Args:
        runtime: The model.
        settings: What to look for.
        files: What the model was loaded from; without any nothing is kept.

    Raises:
        ConfigError: The lists or the calibration text can't be used.
    """
    units = known(runtime.card, settings)
    examination = examine(runtime, settings)
    key, recalled = None, None
    if examination is not None:
        counting = {name: getattr(settings, name) for name in COUNTING}
        key = verdict_cache.key_of(runtime.card, files, examination.ids, counting, _versions())
        recalled = verdict_cache.recall(key, runtime.card) if key else None
    _write(runtime, (*units, *(recalled or ())))
    if recalled is not None:
        return Search(recalled=True)
    return Search(examination, key)


def finish(
    runtime: Runtime, search: Search, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> str | None:
    """Run all passes that are left, at once; give a sentence where not all is known after it, or not kept.

    Args:
        runtime: The model, without edits.
        search: What `begin` gave.
        progress: Called with the passes done and those in all.
    """
    examination = search.examination
    if examination is None:
        return None
    problem = None
    try:
        while examination.advance():
            progress(examination.done, examination.total)
    except (NonFiniteError, UnsupportedError) as error:
        problem = f"not all protected units are known: {error}"
    found = examination.found()
    _write(runtime, (*runtime.card.protected, *found))
    return problem or search.remember(found)


def _write(runtime: Runtime, units: Sequence[ProtectedUnit]) -> None:
    protected = each_once(units, runtime.card)
    runtime.card = msgspec.structs.replace(runtime.card, protected=protected)


def _versions() -> Mapping[str, str]:
    return {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
