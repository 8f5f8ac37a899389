"""What the library reports of a checkpoint's weights, judged: refused, worth a notice, or nothing at all."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

from llmri_server.runtime import LoadError

MOST_NAMED = 3
ADAPTER = re.compile(
    r"(^|[._])(lora|ia3|vera|dora|adapters?|adalora|base_layer|modules_to_save)([._]|$)", re.I
)
# Buffers that older checkpoints hold and the library computes itself, or counts in.
COMPUTED = frozenset(
    {"inv_freq", "original_inv_freq", "masked_bias", "position_ids", "version", "num_batches_tracked"}
    | {"cos_cached", "sin_cached", "embed_scale", "causal_mask"}
)
ATTENTION = re.compile(r"att(n|ention)$")
OF_THE_STREAM = re.compile(r"norm|embed|ln_", re.I)
_CONVERSION = re.compile(r"^\s*([\w.{}, ]+?)\s*\|\s*CONVERSION", re.M)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def judge(model: PreTrainedModel, name: str, info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return notices of what a loaded model's checkpoint holds beside it.

    Args:
        model: The model, loaded.
        name: What to call the checkpoint in a sentence.
        info: The library's `output_loading_info`; tied tensors are not among those that are missing.

    Raises:
        LoadError: Tensors are missing or of another shape, or some change what is computed and have no place.
    """
    missing = [key for key in info["missing_keys"] if not _is_computed(model, key)]
    if missing:
        raise LoadError(
            f"{name} lacks weights that its config asks for: {named(missing)}; the library would put random "
            "numbers there, so check its config.json, or fetch it again"
        )
    if info["mismatched_keys"]:
        shapes = sorted((key, tuple(found), tuple(asked)) for key, found, asked in info["mismatched_keys"])
        parts = [f"{key} is {found} and should be {asked}" for key, found, asked in shapes]
        raise LoadError(f"{name} has weights of another shape than its config says: {named(parts)}")
    unexpected = [key for key in info["unexpected_keys"] if not _is_computed(model, key)]
    changing = [key for key in unexpected if _would_change(model, key)]
    if changing:
        raise LoadError(
            f"{name} has weights that its config has no place for, and without which it computes something "
            f"else: {named(changing)}; check its config.json"
        )
    return tuple(_notices(model, name, unexpected))


def _notices(model: PreTrainedModel, name: str, unexpected: list[str]) -> Iterator[str]:
    if unexpected:
        yield f"{name} has weights that are not used here: {named(unexpected)}"
    said = getattr(model.config.get_text_config(), "tie_word_embeddings", False)
    read = model.get_input_embeddings()
    written = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if said and written is not None and written.weight is not getattr(read, "weight", written.weight):
        yield f"{name} ties embedding and head by its config, but its weights hold two that differ"


def refuse_broken_values(model: PreTrainedModel, name: str) -> None:
    """Refuse weights that are infinite or not a number; of buffers, such as masks, only the latter.

    Raises:
        LoadError: There are some; the message names the tensor.
    """
    buffers = {key for key, _ in model.named_buffers()}
    for key, tensor in model.state_dict().items():
        count = _broken(tensor, infinite=key not in buffers) if tensor.is_floating_point() else 0
        if count:
            half = tensor.dtype is torch.float16
            hint = "; float16 ends at 65504: try --dtype bfloat16 or float32" if half else ""
            raise LoadError(
                f"{name} has broken weights: {count} of {tensor.numel()} values of {key} are infinite or not "
                f"a number{hint}"
            )


def quantisation(name: str, config: Any) -> str | None:  # noqa: ANN401  the library's is dynamic
    """Return the method by which weights are quantised, or None where they are plain numbers.

    Raises:
        LoadError: The library does not know the method: it would read the weights as plain numbers.
    """
    text = config.get_text_config(decoder=True)
    said = getattr(config, "quantization_config", None)
    said = getattr(text, "quantization_config", None) if said is None else said
    if said is None:
        return None
    settings = said if isinstance(said, Mapping) else getattr(said, "__dict__", {})
    method = settings.get("quant_method")
    if settings.get("load_in_8bit") or settings.get("load_in_4bit"):
        return "bitsandbytes"
    method = getattr(method, "value", method)
    if method not in AUTO_QUANTIZATION_CONFIG_MAPPING:
        how = "but does not say how" if method is None else f"by a method called `{method}`"
        known = ", ".join(sorted(AUTO_QUANTIZATION_CONFIG_MAPPING))
        raise LoadError(
            f"the config of {name} says that it is quantised, {how}; the library knows {known}: "
            "take a version that is not quantised, or quantised by one of these"
        )
    return str(method)


@contextmanager
def told_in_full(name: str) -> Iterator[None]:
    """Turn a failed conversion, of which the library only logs the tensors, into a sentence that has them.

    Raises:
        LoadError: Tensors could not be made of those in the checkpoint.
    """
    listening = _Listening()
    logger = logging.getLogger("transformers.modeling_utils")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(listening)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield
    except RuntimeError as error:
        failed = _CONVERSION.findall(_COLOURS.sub("", "\n".join(listening.heard)))
        if not failed:
            raise
        raise LoadError(
            f"{name} has weights that do not fit together: of {named(failed)}, which is made of several "
            "tensors, some are missing or have another shape"
        ) from error
    finally:
        logger.removeHandler(listening)
        logger.setLevel(level)
        logger.propagate = propagate


class _Listening(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.heard.append(record.getMessage())


def named(keys: Iterable[str]) -> str:
    """Return the first few, in order, and how many more there are."""
    ordered = sorted(keys)
    more = f" and {len(ordered) - MOST_NAMED} more" if len(ordered) > MOST_NAMED else ""
    return ", ".join(ordered[:MOST_NAMED]) + more


def _is_computed(model: PreTrainedModel, key: str) -> bool:
    """Whether a tensor is no weight: a buffer that the model computes when it is made."""
    if key.rpartition(".")[2] in COMPUTED:
        return True
    kept = {name for name, _ in model.named_buffers()} - set(model.state_dict())
    return any(name in kept or _is_mask(model, name) for name in _names(model, key))


def _is_mask(model: PreTrainedModel, name: str) -> bool:
    """Whether it is the causal mask that attention modules, without weights of their own, had as `bias`."""
    path, _, last = name.rpartition(".")
    if last != "bias" or not ATTENTION.search(path):
        return False
    module = dict(model.named_modules()).get(path)
    return module is not None and not list(module.parameters(recurse=False))


def _would_change(model: PreTrainedModel, key: str) -> bool:
    """Whether an unexpected tensor belongs to a part of this model, or changes one from outside."""
    modules = dict[str, nn.Module](model.named_modules())
    return bool(ADAPTER.search(key)) or any(_belongs(model, modules, name) for name in _names(model, key))


def _belongs(model: PreTrainedModel, modules: Mapping[str, nn.Module], name: str) -> bool:
    """Whether a tensor of this name would be inside a part, or a norm or embedding beside the blocks."""
    top = {"", model.base_model_prefix}
    parents = name.split(".")[:-1]
    above = [".".join(parents[:end]) for end in range(1, len(parents) + 1)]
    inside = [path for path in above if path in modules and path not in top]
    if inside:
        return not _predicts_further(model, inside[-1], name)
    return ".".join(parents[:-1]) in top and any(map(OF_THE_STREAM.search, parents[-1:]))


def _predicts_further(model: PreTrainedModel, inside: str, name: str) -> bool:
    """Whether a tensor belongs to a block behind the last, which predicts tokens after the next one."""
    config = model.config.get_text_config()
    extra = int(getattr(config, "num_nextn_predict_layers", None) or 0)
    number = name.removeprefix(f"{inside}.").partition(".")[0]
    behind = isinstance(model.get_submodule(inside), nn.ModuleList) and number.isdecimal()
    return behind and int(number) < int(config.num_hidden_layers) + extra


def _names(model: PreTrainedModel, key: str) -> tuple[str, str]:
    """Return a tensor's name with and without the base model's in front, which checkpoints may leave out."""
    return key, f"{model.base_model_prefix}.{key}"


def _broken(tensor: Tensor, *, infinite: bool) -> int:
    """Count the values that are not finite, or not a number. A sum in float32 tells quickly of none."""
    numbers = tensor.float() if tensor.dtype.itemsize == 1 else tensor
    if bool(numbers.sum(dtype=torch.float32).isfinite()):
        return 0
    bad = ~numbers.isfinite() if infinite else numbers.isnan()
    return int(bad.sum())
