"""From the tensors of a checkpoint to those of a GGUF file."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import gguf
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from tests.server.llama_runtime.families.family import Change, Family
from tests.server.llama_runtime.families.sizes import HEADS, KEY_HEADS

ENDS = (".weight", ".bias")
BARE = (".ssm_a", ".ssm_d")  # tensors whose names in the file end so
NUMBERED = re.compile(r"(.*\.(?:experts|norms))\.(\d+)\.?(\w*)\.(weight|bias)")  # of one expert, or one head


def checkpoint(model: nn.Module, folder: Path) -> dict[str, Tensor]:
    """Return the tensors by the names that a published checkpoint has; tied ones once."""
    if not isinstance(model, PreTrainedModel):
        return model.state_dict()
    model.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def gguf_tensors(family: Family, layers: int, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the file by their names there.

    Raises:
        KeyError: A tensor of the checkpoint has no name in the file.
    """
    (architecture,) = (key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == family.architecture)
    with patch.dict(gguf.TensorNameMap.block_mappings_cfg):  # `gguf` lets some, as Arctic, change it for all
        names = gguf.get_tensor_name_map(architecture, layers)
    given: dict[str, Tensor] = {}
    for name, tensor in stacked(tensors).items():
        for part, value in changed(family.changes, name, tensor).items():
            given[_name(family, names, part)] = value
    return given


def _name(family: Family, names: gguf.TensorNameMap, name: str) -> str:
    given = name.replace("correction_bias", "correction.bias")  # as convert_hf_to_gguf does
    for pattern, replacement in family.names.items():
        given = re.sub(pattern, replacement, given)
    known = names.get_name(given, ENDS) or (given if given.startswith("blk.") else None)
    if known is None:
        raise KeyError(f"{family.name}: `{name}` has no name in a file of `{family.architecture}`")
    return known if known.endswith((*ENDS, *BARE)) or given.endswith(ENDS) else f"{known}.weight"


def changed(changes: Mapping[str, Change], name: str, tensor: Tensor) -> dict[str, Tensor]:
    """Return what a tensor of the checkpoint becomes, by names like those of the checkpoint."""
    for pattern, change in changes.items():
        if re.search(pattern, name):
            new = change(tensor)
            if isinstance(new, Mapping):
                return {re.sub(pattern, part, name): value for part, value in new.items()}
            tensor = new
    return {name: tensor}


def stacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Stack what each expert, or each head, has of its own; all else stays."""
    given = {name: tensor for name, tensor in tensors.items() if not NUMBERED.fullmatch(name)}
    alone: dict[str, dict[int, Tensor]] = {}
    for name, tensor in tensors.items():
        if match := NUMBERED.fullmatch(name):
            stem, number, matrix, kind = match.groups()
            whole = ".".join(part for part in (stem, matrix, kind) if part)
            alone.setdefault(whole, {})[int(number)] = tensor
    return given | {name: torch.stack([each[i] for i in range(len(each))]) for name, each in alone.items()}


def rotated_by_pairs(heads: int) -> Callable[[Tensor], Tensor]:
    """Reorder the rows of queries or keys, for files whose rotation turns neighbours and not halves."""

    def reorder(tensor: Tensor) -> Tensor:
        halves = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
        return halves.transpose(1, 2).reshape(tensor.shape)

    return reorder


PAIRS: dict[str, Change] = {  # for models whose own code turns halves
    r"q_proj\.": rotated_by_pairs(HEADS),
    r"k_proj\.": rotated_by_pairs(KEY_HEADS),
}


def plus_one(tensor: Tensor) -> Tensor:
    """Add what a norm's code adds to its weights."""
    return tensor + 1


def halves(first: str, second: str) -> Change:
    """Take a fused matrix of gates and neurons apart, `[..., 2 * neurons, width]`."""
    return lambda tensor: dict(zip((first, second), tensor.chunk(2, dim=-2), strict=True))


def by_inputs(first: str, second: str, *, by_turns: bool) -> Change:
    """Take a fused matrix of experts apart that is kept by inputs, `[experts, width, 2 * neurons]`.

    Gates and neurons stand by turns, or all gates first.
    """

    def split(tensor: Tensor) -> dict[str, Tensor]:
        parts = (tensor[..., ::2], tensor[..., 1::2]) if by_turns else tensor.chunk(2, dim=-1)
        return dict(zip((first, second), (turned(part) for part in parts), strict=True))

    return split


def turned(tensor: Tensor) -> Tensor:
    """Turn a matrix, or each expert's."""
    return tensor.transpose(-1, -2)


def left_out(_tensor: Tensor) -> Mapping[str, Tensor]:
    """Write none of it."""
    return {}


def by_head(heads: int) -> Callable[[Tensor], Tensor]:
    """Put all queries first, where each head keeps its query, its key and its value together."""
    return apart(heads, heads)


def apart(groups: int, heads: int) -> Callable[[Tensor], Tensor]:
    """Put all queries first, then all keys, then all values.

    They are kept in so many groups, each with its queries, one key and one value; all with so many heads.
    """

    def reorder(tensor: Tensor) -> Tensor:
        each = tensor.shape[0] // (heads + 2 * groups)
        grouped = tensor.reshape(groups, heads // groups + 2, each, *tensor.shape[1:])
        parts = (grouped[:, :-2], grouped[:, -2], grouped[:, -1])
        return torch.cat([part.reshape(-1, *tensor.shape[1:]) for part in parts])

    return reorder


def negative_exponential(tensor: Tensor) -> Tensor:
    """Return the rates of decay that are kept as logarithms."""
    return -tensor.exp()


def squeezed(tensor: Tensor) -> Tensor:
    """Leave out the dimension of one of a convolution a channel."""
    return tensor.squeeze(1)
