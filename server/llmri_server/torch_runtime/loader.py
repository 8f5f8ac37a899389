"""From a name to a runtime, or one sentence that says why not."""

import logging
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)
from transformers.utils import logging as transformers_logging

from llmri_server.runtime import LoadError
from llmri_server.runtimes.common.loading import tell
from llmri_server.runtimes.common.model_names import Source
from llmri_server.torch_runtime.assembly import assemble
from llmri_server.torch_runtime.checkpoint_files import check_files
from llmri_server.torch_runtime.explanations import explain, first_line
from llmri_server.torch_runtime.loading_report import (
    judge,
    quantisation,
    refuse_broken_values,
    told_in_full,
)
from llmri_server.torch_runtime.runtime import TorchRuntime
from llmri_server.torch_runtime.sources import fetched, find_source

logger = logging.getLogger(__name__)

DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def load(model: str, *, device: str = "auto", dtype: str = "auto") -> TorchRuntime:
    """Load a model: `pocket`, a local folder, or the id of a model on the Hugging Face hub.

    `device` is `auto`, `cpu` or `cuda` with or without a number. `dtype` is `auto` or a name of `DTYPES`;
    `auto` is float32 on the CPU and the checkpoint's own on CUDA.

    Raises:
        LoadError: It cannot be loaded or served; the message is one sentence for the user.
    """
    _be_quiet()
    place = _device(device)
    wanted = _dtype(dtype, place)
    source = find_source(model)
    options: dict[str, Any] = {"local_files_only": source.local_only, "trust_remote_code": False}
    tell("configuration and tokenizer")
    try:
        config = AutoConfig.from_pretrained(source.location, **options)
        _refuse_other_kinds(model, config)
        tokenizer = AutoTokenizer.from_pretrained(source.location, **options)
        tell("weights")
        loaded = _weights(source, config, wanted, options)
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(explain(model, error)) from error
    tell("sites, by trying them")
    try:
        return assemble(_moved(loaded, place), tokenizer, name=source.name)
    except torch.OutOfMemoryError:
        raise LoadError(
            f"`{model}` does not fit into the memory of {place}; try another dtype or device"
        ) from None
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(f"`{model}` was loaded and could not be run: {first_line(error)}") from error


def _weights(
    source: Source, config: PreTrainedConfig, dtype: torch.dtype | str, options: dict[str, Any]
) -> PreTrainedModel:
    """Load the weights; all that the config asks for must be there, and nothing that it has no place for.

    Raises:
        LoadError: It is not so; see `loading_report` and `checkpoint_files`.
    """
    name, method = source.in_words, quantisation(source.in_words, config)
    if source.folder is not None:
        check_files(source.folder, quantised=method is not None)
    try:
        with told_in_full(name):
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                source.location,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **options,
            )
    except Exception as error:
        if method is None or isinstance(error, LoadError):
            raise
        why = first_line(error)
        raise LoadError(f"{name} is quantised by `{method}` and cannot be loaded so here: {why}") from error
    place = fetched(source) if source.folder is None else None
    if place is not None:
        check_files(place, quantised=method is not None)
    model: PreTrainedModel = loaded[0]
    for notice in judge(model, name, loaded[1]):
        logger.warning("%s", notice)
    refuse_broken_values(model, name)
    return model


def _moved(model: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    moved: PreTrainedModel = model.to(device)  # type: ignore[arg-type]  # the library hides its type
    return moved


def _be_quiet() -> None:
    """Keep the libraries' messages and progress bars off the terminal, which is a chat."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise LoadError(
            f"there is no device `{name}`; choose auto, cpu, cuda, or cuda with a number as in cuda:0"
        )
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            raise LoadError(
                f"`{name}` was asked for, but this machine offers {count} CUDA devices; try --device cpu"
            )
    return torch.device(name)


def _dtype(name: str, device: torch.device) -> torch.dtype | str:
    if name == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    if name not in DTYPES:
        raise LoadError(f"there is no dtype `{name}`; choose auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def _refuse_other_kinds(model: str, config: PreTrainedConfig) -> None:
    """Refuse what does not write text from left to right."""
    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False):
        raise LoadError(
            f"`{model}` is an encoder-decoder model ({kind}); LLMRI needs a decoder-only one, such as a Llama"
        )
    bidirectional = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    if bidirectional or kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise LoadError(
            f"`{model}` does not generate text ({kind}); LLMRI needs a decoder-only model, such as a Llama"
        )
