"""A capture file says what its schema says, and a file that is none is refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from llmri.capture import Capture, CaptureError, Observation, Statistics, Trial, read_capture
from llmri.capture.document import CapturedModel, Timings, save, schema

PAGE = Path(__file__).parents[3] / "docs" / "capture.md"

NUMBERS = Statistics(values=8, min=-1.0, max=2.0, mean=0.5, std=1.0, sparsity=0.25, norm=3.0, non_finite=0)
TENSOR = Observation(
    name="l_out-0",
    operation="ADD",
    shape=[2, 4],
    type="f32",
    order=0,
    count=1,
    layer=0,
    kind="block output",
    category="feed-forward",
    statistics=NUMBERS,
)
TRIAL = Trial(
    prompt="Hello",
    reply="Hi",
    started="2026-11-21T20:00:00+00:00",
    timings=Timings(total=3.0, prompt=1.0, reply=2.0),
    passes=1,
    positions=2,
    tensors=[TENSOR],
)
CAPTURE = Capture(
    created="2026-11-21T20:00:00+00:00",
    llmri="0.1.0",
    engine="llama-cpp-python",
    model=CapturedModel(
        file="a.gguf", name="a", architecture="llama", family="llama", layers=1, width=4
    ),
    trials=[TRIAL],
)  # fmt: skip


def required(name: str) -> set[str]:
    return set(schema()["$defs"][name]["required"])


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    save(tmp_path / "capture.json", CAPTURE)
    assert read_capture(tmp_path / "capture.json") == CAPTURE
    assert list(tmp_path.iterdir()) == [tmp_path / "capture.json"]


def test_the_file_has_the_keys_of_the_schema(tmp_path: Path) -> None:
    save(tmp_path / "capture.json", CAPTURE)
    written: dict[str, Any] = json.loads((tmp_path / "capture.json").read_text("utf-8"))
    assert (written["format"], written["version"]) == ("llmri-capture", 1)
    trial = written["trials"][0]
    assert set(written) == required("Capture") | {"format", "version"}
    assert set(trial) == required("Trial")
    assert set(trial["tensors"][0]) == required("Observation")
    assert set(trial["tensors"][0]["statistics"]) == required("Statistics")


def test_every_key_of_a_tensor_stands_in_the_documentation() -> None:
    page = PAGE.read_text("utf-8")
    for name in ("Capture", "CapturedModel", "Trial", "Timings", "Observation", "Statistics"):
        for key in schema()["$defs"][name]["properties"]:
            assert f"`{key}`" in page, f"{name}.{key}"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "is no capture"),
        ("{}", "the key `created` is missing"),
        ('{"trials": ' + "[" * 100_000, "is no capture: "),
        ('{"format": "other"}', "format"),
    ],
)
def test_a_file_that_is_no_capture_is_refused(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "capture.json"
    path.write_text(text, "utf-8")
    with pytest.raises(CaptureError, match=named):
        read_capture(path)


def test_a_newer_capture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "capture.json"
    save(path, CAPTURE)
    path.write_text(path.read_text("utf-8").replace('"version": 1', '"version": 2'), "utf-8")
    with pytest.raises(CaptureError, match="version"):
        read_capture(path)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"cannot read .*nothing\.json"):
        read_capture(tmp_path / "nothing.json")
    with pytest.raises(CaptureError, match=r"cannot write .*capture\.json"):
        save(tmp_path / "missing" / "capture.json", CAPTURE)


def test_names_are_counted_over_their_operations() -> None:
    assert TRIAL.tensor_counts == {"l_out-0": 1}
