"""A GGUF file of a family and its twin, with a tokenizer of bytes."""

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from torch import Tensor, nn

from tests.server.llama_runtime.families.family import Family, Value
from tests.server.llama_runtime.families.sizes import FILE
from tests.server.llama_runtime.families.tensors import checkpoint, gguf_tensors

MERGED, SPECIAL = "th", ("<s>", "</s>", "<pad>")
NORMAL, CONTROL = 1, 3  # of gguf's types of tokens


def write(family: Family, twin: nn.Module, folder: Path) -> Path:
    """Write the family's file into a folder; give its path."""
    path = folder / f"{family.name}.gguf"
    writer = gguf.GGUFWriter(path, family.architecture)
    values = FILE | dict(family.values)
    for key, value in values.items():
        if value is not None:
            _add(writer, key[1:] if key.startswith("/") else f"{family.architecture}.{key}", value)
    writer.add_name(f"tiny {family.name}")
    _add_tokenizer(writer)
    layers = values["block_count"]
    assert isinstance(layers, int)
    _add_tensors(writer, gguf_tensors(family, layers, checkpoint(twin, folder / family.name)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, key: str, value: Value) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _add_tensors(writer: gguf.GGUFWriter, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(tensor.float().numpy()))


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    alphabet = _bytes()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*alphabet, MERGED, *SPECIAL])
    writer.add_token_types([NORMAL] * (len(alphabet) + 1) + [CONTROL] * len(SPECIAL))
    writer.add_token_merges([" ".join(MERGED)])
    bos, eos, pad = range(len(alphabet) + 1, len(alphabet) + 1 + len(SPECIAL))
    writer.add_bos_token_id(bos)
    writer.add_eos_token_id(eos)
    writer.add_pad_token_id(pad)
    writer.add_add_bos_token(False)


def _bytes() -> list[str]:
    """Return a letter for each byte, as GPT-2's tokenizer writes them."""
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    letters = {byte: chr(byte) for byte in visible}
    for number, byte in enumerate(byte for byte in range(256) if byte not in visible):
        letters[byte] = chr(256 + number)
    return [letters[byte] for byte in range(256)]
