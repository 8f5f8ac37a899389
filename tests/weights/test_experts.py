"""Experts of every layout, and how alike they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmri_weights.cka import exact_cka, sketched_cka
from tests.weights.making import arrays, write_safetensors
from tests.weights.test_command import run

random = np.random.default_rng(17)
UNITS, INPUTS = 88, 128


def pair() -> list[Any]:
    """Return an expert, the same with its units in another order, an unrelated one, and one between."""
    one, other = (random.standard_normal((UNITS, INPUTS)).astype(np.float32) for _ in range(2))
    return [one, one[random.permutation(UNITS)], other, np.float32(0.7) * one + np.float32(0.714) * other]


def test_a_reordered_twin_scores_one_and_an_unrelated_expert_what_theory_says() -> None:
    found = exact_cka(pair()).cka
    assert found[0, 1] == pytest.approx(1, abs=1e-6)
    assert found[0, 2] == pytest.approx(UNITS / (INPUTS + UNITS + 1), abs=0.01)
    assert found[0, 2] < found[0, 3] < 1


def test_the_sketch_is_unbiased_and_its_interval_holds_what_it_says() -> None:
    units = pair()
    exact = exact_cka(units).cka
    estimates, held = [], 0
    for seed in range(60):
        found = sketched_cka(units, 64, seed)
        estimates.append(found.cka)
        held += bool(found.low[0, 2] <= exact[0, 2] <= found.high[0, 2])
        assert found.cka[0, 1] == pytest.approx(1, abs=1e-6)
    assert np.mean(estimates, axis=0)[0, 2] == pytest.approx(exact[0, 2], abs=0.02)
    assert held >= 50


def test_too_few_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        sketched_cka(pair(), 8)


def stored(layout: str) -> tuple[dict[str, Any], Any]:
    gate = (
        random.standard_normal((3, 5, 4)).astype(np.float32) * np.array([1, 2, 3], np.float32)[:, None, None]
    )
    up, down = (random.standard_normal(shape).astype(np.float32) for shape in ((3, 5, 4), (3, 4, 5)))
    gate[1, 0] = 0
    if layout == "mixtral":
        names = {"w1": gate, "w3": up, "w2": down}
        single = {
            f"model.layers.7.block_sparse_moe.experts.{e}.{n}.weight": w[e]
            for n, w in names.items()
            for e in range(3)
        }
        return single, gate
    stem = "model.layers.7.mlp.experts"
    if layout == "fused":
        return {f"{stem}.gate_up_proj": np.concatenate([gate, up], axis=1), f"{stem}.down_proj": down}, gate
    names = {"gate_proj": gate, "up_proj": up, "down_proj": down}
    return {f"{stem}.{e}.{n}.weight": w[e] for n, w in names.items() for e in range(3)}, gate


@pytest.mark.parametrize("layout", ["mixtral", "fused", "single"])
def test_every_layout_of_experts_has_a_row_for_each(tmp_path: Path, layout: str) -> None:
    tensors, gate = stored(layout)
    path = write_safetensors(tmp_path / "model.safetensors", arrays(**tensors))
    code, out, _ = run("--moe", path, "--table", "json")
    table = json.loads(out)
    assert code == 0
    assert [(row["layer"], row["weight"], row["expert"]) for row in table] == [
        (7, part, expert) for part in ("gate", "up", "down") for expert in range(3)
    ]
    for row in table[:3]:
        values = gate[row["expert"]].astype(np.float64)
        assert row["rms"] == pytest.approx(np.sqrt((values**2).mean()))
        assert row["frobenius"] == pytest.approx(np.linalg.norm(values))
        assert row["mean_abs"] == pytest.approx(np.abs(values).mean())
        assert row["sparsity"] == (np.abs(values) < 1e-6).mean()


def test_the_experts_of_a_gguf_file_are_those_of_the_folder(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="the gguf package writes the file")
    from tests.gguf_models import gguf_model  # noqa: PLC0415  torch and transformers are slow to import

    made = gguf_model("mixtral", tmp_path)
    tables = [
        json.loads(run("--moe", path, "--table", "json")[1])
        for path in (tmp_path / "tiny-mixtral", made.path)
    ]
    plain = [[{key: row[key] for key in row if key != "name"} for row in table] for table in tables]
    assert plain[0] == plain[1]
    assert len(plain[0]) > 6


def test_a_model_without_experts_is_a_sentence() -> None:
    assert (
        run("--moe", "pocket")[2] == "llmri weights: pocket has no experts; --moe shows those of a mixture\n"
    )
