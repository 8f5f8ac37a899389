"""From what the user typed to what the library shall load: a folder, or a model on the hub."""

from pathlib import Path

from huggingface_hub import model_info, try_to_load_from_cache

from llmri_server.runtime import LoadError
from llmri_server.runtimes.common.model_names import Source, find_here, refuse_adapters
from llmri_server.torch_runtime.explanations import explain, is_offline

HUB_PATIENCE = 10  # seconds
SUFFIXES = (".safetensors", ".bin", ".json", ".model", ".txt")  # of weights, configurations and tokenizers


def find_source(model: str) -> Source:
    """Find `pocket`, a local folder, or a model on the hub.

    The hub is asked once and briefly, because the library would try for half a minute; where it does not
    answer, what was downloaded before is used.

    Raises:
        LoadError: There is no such model, or no way to it.
    """
    return find_here(model) or _on_hub(model)


def fetched(source: Source) -> Path | None:
    """Return the folder in which the hub's files lie once they were fetched."""
    config = try_to_load_from_cache(source.location, "config.json")
    return Path(config).parent if isinstance(config, str) else None


def files_of(model: str) -> tuple[Path, ...]:
    """Return the files that a loaded model came from; none where they are not known."""
    source = find_here(model)
    folder = source.folder if source is not None else fetched(Source(model, model))
    if folder is None:
        return ()
    return tuple(sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file()))


def _on_hub(model: str) -> Source:
    try:
        downloaded = isinstance(try_to_load_from_cache(model, "config.json"), str)
        files = model_info(model, timeout=HUB_PATIENCE).siblings or []
    except Exception as error:
        if is_offline(error) and downloaded:
            here = Source(model, model)
            place = fetched(here)
            if place is not None:
                refuse_adapters(f"`{model}`", (file.name for file in place.iterdir()))
            return here
        raise LoadError(explain(model, error)) from error
    refuse_adapters(f"`{model}`", (file.rfilename for file in files))
    return Source(model, model, local_only=False)
