"""A set of edits as a control vector of llama.cpp, where it is one.

llama.cpp adds the tensor `direction.N` to the output of block N at every position, and knows none for block
0. So a set is one if it steers `resid_post`, everywhere and always, in blocks from 1 on.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from llmri.edits.errors import EditsError
from llmri_protocol.edit_sets import EditSet
from llmri_protocol.edits import Edit
from llmri_protocol.extras import how_to_install

ARCHITECTURE = "controlvector"
SITE = "resid_post"

Directions = dict[int, npt.NDArray[np.float32]]


def directions(document: EditSet) -> Directions:
    """What is added to each block's output, `[width]`: `value` times `direction`, summed over the edits.

    Raises:
        EditsError: The set has no edit, or one that no control vector can stand for; the sentence names it.
    """
    if not document.edits:
        raise EditsError("the set is empty, so it is no control vector")
    sums: dict[int, npt.NDArray[np.float64]] = {}
    for number, edit in enumerate(document.edits, start=1):
        reason = _foreign(edit)
        if reason:
            raise EditsError(
                f"edit {number} of {len(document.edits)} ({edit.op} at {edit.site}, layer {edit.layer}) "
                f"fits no control vector: {reason}"
            )
        added = edit.value * np.asarray(edit.direction, np.float64)
        if edit.layer in sums and sums[edit.layer].shape != added.shape:
            raise EditsError(f"edit {number}'s direction is of another length than an earlier one's")
        sums[edit.layer] = sums.get(edit.layer, np.zeros_like(added)) + added
    return {layer: sums[layer].astype(np.float32) for layer in sorted(sums)}


def write(path: Path, document: EditSet) -> None:
    """Write a control vector as GGUF.

    Raises:
        EditsError: The set is no control vector, or the package `gguf` is not installed.
        OSError: The file can't be written.
    """
    found = directions(document)
    try:
        from gguf import GGUFWriter  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise EditsError(f"a control vector needs the gguf extra: {how_to_install('gguf')}") from None
    writer = GGUFWriter(path, ARCHITECTURE)
    try:
        writer.add_string(f"{ARCHITECTURE}.model_hint", document.model.family)
        writer.add_int32(f"{ARCHITECTURE}.layer_count", len(found))
        for layer, direction in found.items():
            writer.add_tensor(f"direction.{layer}", direction)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _foreign(edit: Edit) -> str:
    """Say why llama.cpp can't do this edit; empty where it can."""
    if not edit.operation.aimed:
        return "it adds a direction, and does nothing to single units"
    if edit.site != SITE:
        return f"it acts on {SITE} only"
    if edit.layer == 0:
        return "llama.cpp has no direction for layer 0"
    if edit.positions != "all" or edit.since is not None or not edit.special:
        return "it acts on every position"
    if edit.schedule is not None:
        return "it acts on every token of a reply alike"
    return ""
