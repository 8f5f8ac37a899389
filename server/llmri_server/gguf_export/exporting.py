"""One folder in, one file out."""

import json
from pathlib import Path

import numpy as np
from gguf import MODEL_ARCH_NAMES, GGUFWriter

from llmri_server.gguf_export.arrangement import arrange
from llmri_server.gguf_export.bpe_vocabulary import add_vocabulary, read_vocabulary
from llmri_server.gguf_export.errors import ExportError
from llmri_server.gguf_export.families import layout_of
from llmri_server.gguf_export.hyperparameters import add_hyperparameters, rope_factors
from llmri_server.gguf_export.precision import FILE_TYPES, Precision, encode, type_of
from llmri_server.gguf_export.weights import read_weights

QUANTIZATION_VERSION = 2
# llama.cpp gives a model whose name contains one of these other rules for its special tokens.
MISLEADING_NAMES = ("phi-3", "phi3", "modern-bert")


def export_gguf(
    folder: Path, destination: Path, precision: Precision = "f16", *, name: str | None = None
) -> None:
    """Write the model of a Hugging Face folder as a GGUF file, never leaving half of one behind.

    Args:
        folder: What `save_pretrained` wrote: config, tokenizer and weights.
        destination: The file.
        precision: Of the matrices; `type_of` says which tensor gets which type.
        name: The model's name in the file; by default the folder's.

    Raises:
        ExportError: Something in the folder has no equal in GGUF; the message names it.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        raise ExportError(f"{folder} holds no config.json") from None
    layout = layout_of(config["model_type"])
    writer = GGUFWriter(None, MODEL_ARCH_NAMES[layout.arch])
    writer.add_name(_checked(name or folder.name))
    writer.add_file_type(FILE_TYPES[precision])
    writer.add_quantization_version(QUANTIZATION_VERSION)
    add_hyperparameters(writer, config)
    add_vocabulary(writer, read_vocabulary(folder, config["vocab_size"]))
    for tensor, values in arrange(read_weights(folder), layout, config):
        kind = type_of(tensor, values.shape, precision)
        writer.add_tensor(tensor, encode(values, kind), raw_dtype=kind)
    if (factors := rope_factors(config)) is not None:
        writer.add_tensor("rope_freqs.weight", np.array(factors, np.float32))
    _write(writer, destination)


def _checked(name: str) -> str:
    for part in MISLEADING_NAMES:
        if part in name.lower():
            raise ExportError(
                f"llama.cpp would misread the special tokens of a model named {name!r}; "
                f"choose a name without {part}"
            )
    return name


def _write(writer: GGUFWriter, destination: Path) -> None:
    partial = destination.with_name(destination.name + ".partial")
    writer.write_header_to_file(partial)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(destination)
