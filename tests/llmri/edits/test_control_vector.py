from pathlib import Path

import msgspec
import numpy as np
import pytest
from gguf import GGUFReader

from llmri import Edit
from llmri.edits.control_vector import directions, write
from llmri.edits.errors import EditsError
from llmri.edits.files import put
from llmri_protocol.edit_sets import EditSet
from llmri_protocol.edits import Schedule
from tests.protocol.edit_sets import EXAMPLE


def steer(layer: int, *direction: float, value: float = 1.0) -> Edit:
    return Edit(site="resid_post", layer=layer, op="steer", value=value, direction=direction)


def of(*edits: Edit) -> EditSet:
    return msgspec.structs.replace(EXAMPLE, edits=edits)


def test_a_control_vector_is_read_back_as_llama_cpp_reads_it(tmp_path: Path) -> None:
    document = of(steer(5, 1.0, -2.0, value=0.5), steer(2, 4.0, 8.0), steer(5, 1.0, 1.0, value=-1.0))
    write(tmp_path / "vector.gguf", document)
    reader = GGUFReader(tmp_path / "vector.gguf")
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "controlvector"
    assert fields["controlvector.model_hint"] == "llama"
    assert fields["controlvector.layer_count"] == 2
    found = {tensor.name: tensor.data for tensor in reader.tensors}
    assert {name: data.tolist() for name, data in found.items()} == {
        "direction.2": [4.0, 8.0],
        "direction.5": [-0.5, -2.0],
    }
    assert {data.dtype for data in found.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"op": "scale", "direction": (), "units": (1,)}, "nothing to single units"),
        ({"site": "resid_pre"}, "it acts on resid_post only"),
        ({"layer": 0}, "no direction for layer 0"),
        ({"positions": "generated"}, "every position"),
        ({"since": 4}, "every position"),
        ({"special": False}, "every position"),
        ({"schedule": Schedule(first=1)}, "every token of a reply"),
    ],
)
def test_what_no_control_vector_can_do_is_refused_by_its_entry(
    changes: dict[str, object], reason: str
) -> None:
    odd = msgspec.structs.replace(steer(3, 1.0, 2.0), **changes)
    with pytest.raises(
        EditsError, match=rf"^edit 2 of 2 \({odd.op} at {odd.site}, layer {odd.layer}\)"
    ) as caught:
        directions(of(steer(1, 1.0, 2.0), odd))
    assert reason in str(caught.value)


def test_an_empty_set_is_no_control_vector() -> None:
    with pytest.raises(EditsError, match="empty"):
        directions(of())


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EditsError, match="No such file or directory"):
        put(tmp_path / "none" / "v.gguf", lambda place: write(place, of(steer(1, 1.0))))
