"""From what the user typed to what the library shall load: a folder, or a model on the hub."""

from huggingface_hub import model_info, try_to_load_from_cache

from llmri_server.model_names import Source, find_here
from llmri_server.runtime import LoadError
from llmri_server.torch_runtime.explanations import explain, is_offline

HUB_PATIENCE = 10  # seconds


def find_source(model: str) -> Source:
    """Find `pocket`, a local folder, or a model on the hub.

    The hub is asked once and briefly, because the library would try for half a minute; where it does not
    answer, what was downloaded before is used.

    Raises:
        LoadError: There is no such model, or no way to it.
    """
    return find_here(model) or _on_hub(model)


def _on_hub(model: str) -> Source:
    try:
        downloaded = isinstance(try_to_load_from_cache(model, "config.json"), str)
        model_info(model, timeout=HUB_PATIENCE)
    except Exception as error:
        if is_offline(error) and downloaded:
            return Source(model, model)
        raise LoadError(explain(model, error)) from error
    return Source(model, model, local_only=False)
