"""`llmri weights`, as a user runs it."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from llmri.weights.command import app
from tests.weights.making import arrays, write_safetensors

HEADERS = ["name", "shape", "dtype", "bytes"]
ALL = [*HEADERS, "mean", "rms", "absmax", "share_of_zeros", "nonfinite", "note"]


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_table_of_the_bundled_model_is_what_torch_computes(pocket: Path) -> None:
    code, out, err = run("pocket", "--table", "json")
    assert (code, err) == (0, "")
    tensors = load_file(pocket / "model.safetensors")
    rows = json.loads(out)
    assert [row["name"] for row in rows] == sorted(tensors)
    for row in rows:
        values = tensors[row["name"]].double()
        assert list(row) == ALL
        assert row["shape"] == list(values.shape)
        assert row["bytes"] == tensors[row["name"]].nbytes
        assert row["mean"] == pytest.approx(values.mean().item(), rel=1e-9, abs=1e-12)
        assert row["rms"] == pytest.approx(values.square().mean().sqrt().item(), rel=1e-9)
        assert row["absmax"] == values.abs().max().item()
        assert row["share_of_zeros"] == (values == 0).double().mean().item()
        assert row["nonfinite"] == 0


def test_csv_says_the_same(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", arrays(w=np.array([[1, 0, -3]], np.float32)))
    code, out, _ = run(path, "--table", "csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert code == 0
    assert row["shape"] == "1x3"
    assert float(row["rms"]) == pytest.approx((10 / 3) ** 0.5)
    assert float(row["share_of_zeros"]) == pytest.approx(1 / 3)


def test_headers_alone_read_no_values(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", arrays(w=np.zeros(4, np.float32)))
    code, out, _ = run(path, "--table", "json", "--no-statistics")
    assert (code, json.loads(out)) == (
        0,
        [{"name": "w", "shape": [4], "dtype": "F32", "bytes": 16, "note": ""}],
    )


def test_what_is_not_finite_is_counted_and_left_out(tmp_path: Path) -> None:
    odd = np.array([np.nan, np.inf, -np.inf, 3, -4, 0], np.float32)
    path = write_safetensors(
        tmp_path / "m.safetensors", arrays(w=odd, none=odd[:3], big=np.full(3, 3e38, np.float32))
    )
    rows = {row["name"]: row for row in json.loads(run(path, "--table", "json")[1])}
    assert rows["w"]["nonfinite"] == 3
    assert rows["w"]["rms"] == pytest.approx((25 / 3) ** 0.5)
    assert rows["w"]["share_of_zeros"] == pytest.approx(1 / 6)
    assert [rows["none"][name] for name in ("mean", "rms", "absmax", "nonfinite")] == [None, None, None, 3]
    assert rows["big"]["rms"] == pytest.approx(3e38, rel=1e-6)


def test_an_empty_tensor_and_a_scalar(tmp_path: Path) -> None:
    path = write_safetensors(
        tmp_path / "m.safetensors", arrays(empty=np.zeros((0, 3), np.float32), one=np.array(2, np.float32))
    )
    rows = {row["name"]: row for row in json.loads(run(path, "--table", "json")[1])}
    assert (rows["empty"]["rms"], rows["empty"]["share_of_zeros"], rows["empty"]["shape"]) == (
        None,
        0,
        [0, 3],
    )
    assert (rows["one"]["rms"], rows["one"]["shape"]) == (2, [])


def test_a_tensor_of_two_names_is_told_of(tmp_path: Path) -> None:
    tensor = torch.ones(2, 2)
    torch.save({"a": tensor, "b": tensor}, tmp_path / "m.pt")
    rows = json.loads(run(tmp_path / "m.pt", "--table", "json")[1])
    assert [row["note"] for row in rows] == ["", "the same bytes as a"]
    assert rows[1]["rms"] == 1


def test_what_is_unknown_is_named_and_the_rest_measured(tmp_path: Path) -> None:
    tensors = arrays(w=np.ones(4, np.float32)) | {"odd": ("F7_NEW", (np.zeros(7, np.uint8), (8,)))}
    code, out, _ = run(write_safetensors(tmp_path / "m.safetensors", tensors), "--table", "json")
    good, odd = json.loads(out)
    assert code == 0
    assert good["rms"] == 1
    assert (odd["dtype"], odd["rms"]) == ("F7_NEW", None)
    assert "F7_NEW" in odd["note"]


def test_of_a_file_cut_short_the_good_part_is_shown_and_a_sentence_told(tmp_path: Path) -> None:
    path = write_safetensors(
        tmp_path / "m.safetensors", arrays(a=np.ones(100, np.float32), b=np.ones(100, np.float32))
    )
    os.truncate(path, path.stat().st_size - 8)
    code, out, err = run(path, "--table", "json")
    good, bad = json.loads(out)
    assert code == 1
    assert (good["rms"], bad["rms"]) == (1, None)
    (sentence,) = err.splitlines()
    assert "`b` ends at byte" in sentence


def test_a_mistake_is_one_sentence(tmp_path: Path) -> None:
    code, out, err = run(tmp_path / "absent")
    assert (code, out) == (1, "")
    assert err == f"llmri weights: {tmp_path / 'absent'} is neither a file nor a folder\n"


def test_the_terminal_shows_a_table() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmri", "weights", "pocket-q8_0.gguf"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "160"},
    )
    assert "blk.0.attn_q.weight" in done.stdout
    assert "Q8_0" in done.stdout


def test_it_needs_neither_torch_nor_a_window() -> None:
    script = (
        "import sys, llmri.cli\n"
        "sys.argv = ['llmri', 'weights', 'pocket', '--table', 'csv']\n"
        "try: llmri.cli.main()\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'transformers', 'pygame'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
