"""Two checkpoints of any two formats, tensor by tensor."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.comparison import Compared, compare
from llmri_weights.difference import Metric, difference, shown
from llmri_weights.errors import WeightsError
from llmri_weights.matrices import StoredMatrix
from tests.weights.making import arrays, weight, write_safetensors
from tests.weights.test_command import run

random = np.random.default_rng(3)
FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "mixtral", "phi3", "gemma2", "granite")


def rows(first: Path, second: Path, metric: Metric = Metric.RMS, **options: Any) -> dict[str, Compared]:
    with open_checkpoint(str(first)) as one, open_checkpoint(str(second)) as other:
        return {found.name: found for found in compare(one, other, metric, **options)}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_is_its_own_gguf_file_to_the_bit(family: str, tmp_path: Path) -> None:
    """q and k rows are put back, norms lose their offset, stacked experts are taken apart."""
    pytest.importorskip("gguf", reason="the gguf package writes the file")
    from tests.gguf_models import gguf_model  # noqa: PLC0415  torch and transformers are slow to import

    made = gguf_model(family, tmp_path)
    for found in rows(tmp_path / f"tiny-{family}", made.path).values():
        assert found.difference is not None, (found.name, found.note)
        worst = 1e-6 if family == "gemma2" and "norm" in found.name else 0  # which adds 1 to a float32
        assert found.difference.relative is not None
        assert found.difference.relative <= worst, found.name


def test_the_bundled_file_differs_by_its_rounding_alone(pocket: Path, pocket_gguf: Path) -> None:
    found = rows(pocket, pocket_gguf)
    for name in ("q_proj", "k_proj", "v_proj"):
        change = found[f"model.layers.0.self_attn.{name}.weight"].difference
        assert change is not None
        assert change.relative == pytest.approx(0.0054, abs=0.0002)
    backwards = rows(pocket_gguf, pocket)["blk.0.attn_q.weight"].difference
    assert backwards is not None
    assert backwards.relative == pytest.approx(0.0054, abs=0.0002)


def test_the_table_says_which_tensors_changed_most(tmp_path: Path) -> None:
    before = {
        "a": random.standard_normal((8, 8)).astype(np.float32),
        "b": np.ones((4, 4), np.float32),
        "c": np.ones(3, np.float32),
    }
    after = before | {"b": np.full((4, 4), 1.5, np.float32), "a": before["a"] * np.float32(1.25)}
    one = write_safetensors(tmp_path / "one.safetensors", arrays(**before))
    two = write_safetensors(tmp_path / "two.safetensors", arrays(**after))
    code, out, _ = run("--diff", one, two, "--table", "json")
    table = json.loads(out)
    assert code == 0
    assert [row["name"] for row in table] == ["b", "a", "c"]
    assert [row["relative_difference"] for row in table] == pytest.approx([0.5, 0.25, 0])
    assert [row["changed"] for row in table] == [1, 1, 0]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [(Metric.RMS, [0, 0.5, -1, 1]), (Metric.ABS_LOG, [0, 0.8, -0.94, 1]), (Metric.EXACT, [0, 1, -1, 1])],
)
def test_the_metrics_are_those_of_their_definitions(metric: Metric, expected: list[float]) -> None:
    delta = np.array([0, 1e-2, -(10**-1.3), 5])
    np.testing.assert_allclose(shown(delta, metric, rms=0.04), expected, atol=1e-12)


def test_small_differences_of_a_silent_tensor_are_not_blown_up() -> None:
    np.testing.assert_allclose(shown(np.array([1e-7]), Metric.RMS, rms=0.0), [0.2])


@pytest.mark.parametrize("metric", Metric)
def test_a_planted_change_of_one_element_is_found(tmp_path: Path, metric: Metric) -> None:
    before = {f"t{index}": random.standard_normal((300, 200)).astype(np.float32) for index in range(4)}
    after = {name: array.copy() for name, array in before.items()}
    after["t2"][177, 133] += 0.5
    write_safetensors(tmp_path / "one.safetensors", arrays(**before))
    write_safetensors(tmp_path / "two.safetensors", arrays(**after))
    found = rows(tmp_path / "one.safetensors", tmp_path / "two.safetensors", metric)
    assert next(iter(found)) == "t2"
    assert [name for name, row in found.items() if row.difference and row.difference.changed] == ["t2"]
    change = found["t2"].difference
    assert change is not None
    assert change.absmax == pytest.approx(0.5, rel=1e-5)
    assert change.changed == pytest.approx(1 / 60_000)


def test_what_only_one_has_and_what_has_another_shape_is_told(tmp_path: Path) -> None:
    one = arrays(a=np.ones(2, np.float32), b=np.ones((2, 3), np.float32), c=np.ones(2, np.float32))
    two = arrays(a=np.ones(2, np.float32), b=np.ones((3, 2), np.float32), d=np.ones(2, np.float32))
    found = rows(
        write_safetensors(tmp_path / "1.safetensors", one), write_safetensors(tmp_path / "2.safetensors", two)
    )
    assert {name: row.note for name, row in found.items()} == {
        "a": "", "b": "shape [2, 3] against [3, 2]", "c": "only in the first", "d": "only in the second",
    }  # fmt: skip


def test_what_is_not_finite_is_counted(tmp_path: Path) -> None:
    one = write_safetensors(
        tmp_path / "1.safetensors", arrays(a=np.array([1, np.nan, np.inf, 2], np.float32))
    )
    two = write_safetensors(
        tmp_path / "2.safetensors", arrays(a=np.array([1, np.nan, np.inf, 4], np.float32))
    )
    change = rows(one, two)["a"].difference
    assert change is not None
    assert (change.nonfinite, change.absmax) == (2, 2)
    assert change.relative == pytest.approx(np.sqrt(4 / 2) / np.sqrt(5 / 2))


def test_nothing_in_common_is_a_sentence(tmp_path: Path) -> None:
    one = write_safetensors(tmp_path / "1.safetensors", arrays(a=np.ones(2, np.float32)))
    two = write_safetensors(tmp_path / "2.safetensors", arrays(b=np.ones(2, np.float32)))
    code, out, err = run("--diff", one, two)
    assert (code, out) == (1, "")
    assert "no tensor in common" in err


def test_a_diff_of_one_checkpoint_and_two_without_diff_are_sentences(tmp_path: Path) -> None:
    assert "wants two checkpoints" in run("--diff", "pocket")[2]
    assert "--diff compares two" in run("pocket", "pocket")[2]


def test_a_finetune_may_lack_and_may_not_add(tmp_path: Path) -> None:
    full, less = arrays(a=np.ones(2, np.float32), b=np.ones(2, np.float32)), arrays(a=np.ones(2, np.float32))
    base, tuned = (
        write_safetensors(tmp_path / f"{name}.safetensors", tensors)
        for name, tensors in (("base", full), ("tuned", less))
    )
    assert rows(base, tuned, finetune=True)["b"].note == "only in the first"
    code, _, err = run("--diff", tuned, base, "--finetune")
    assert code == 1
    assert "is no fine-tune of" in err
    assert "`b`, which the base has not" in err
    assert run("--diff", tuned, base, "--no-finetune")[0] == 0


def test_a_tied_head_is_compared_with_the_embedding(tmp_path: Path) -> None:
    table = random.standard_normal((8, 4)).astype(np.float32)
    tied = write_safetensors(tmp_path / "tied.safetensors", arrays(**{"model.embed_tokens.weight": table}))
    free = write_safetensors(
        tmp_path / "free.safetensors",
        arrays(**{"model.embed_tokens.weight": table, "lm_head.weight": table * 2}),
    )
    change = next(
        row for row in rows(tied, free).values() if row.second and row.second.name == "lm_head.weight"
    )
    assert change.difference is not None
    assert change.difference.relative == pytest.approx(1)


def experts(prefix: str) -> tuple[dict[str, Any], Any, Any]:
    gate_up, down = (random.standard_normal(shape).astype(np.float32) for shape in ((3, 10, 4), (3, 4, 5)))
    single: dict[str, Any] = {}
    for expert in range(3):
        stem = f"{prefix}.{expert}"
        single |= {
            f"{stem}.gate_proj.weight": gate_up[expert, :5],
            f"{stem}.up_proj.weight": gate_up[expert, 5:],
            f"{stem}.down_proj.weight": down[expert],
        }
    return single, gate_up, down


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("alternating", [False, True])
def test_fused_experts_are_the_single_ones(tmp_path: Path, turned: bool, alternating: bool) -> None:
    single, gate_up, down = experts("model.layers.0.mlp.experts")
    if alternating:
        gate_up = gate_up.reshape(3, 2, 5, 4).swapaxes(1, 2).reshape(3, 10, 4)
    if turned:
        gate_up, down = gate_up.swapaxes(1, 2), down.swapaxes(1, 2)
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    write_safetensors(
        one / "model.safetensors",
        arrays(**{name: np.ascontiguousarray(array) for name, array in single.items()}),
    )
    fused = {
        "model.layers.0.mlp.experts.gate_up_proj": np.ascontiguousarray(gate_up),
        "model.layers.0.mlp.experts.down_proj": np.ascontiguousarray(down),
    }
    write_safetensors(two / "model.safetensors", arrays(**fused))
    (two / "config.json").write_text(json.dumps({"model_type": "gpt_oss" if alternating else "qwen3_moe"}))
    found = rows(one, two)
    assert set(found) == set(single)
    assert all(row.difference and row.difference.relative == 0 for row in found.values())


def test_conv1d_weights_are_turned_round(tmp_path: Path) -> None:
    shapes = {"attn.c_attn": (4, 12), "attn.c_proj": (4, 4), "mlp.c_fc": (4, 16), "mlp.c_proj": (16, 4)}
    names = {
        "attn.c_attn": "attn_qkv",
        "attn.c_proj": "attn_output",
        "mlp.c_fc": "ffn_up",
        "mlp.c_proj": "ffn_down",
    }
    one = {
        f"transformer.h.0.{part}.weight": random.standard_normal(shape).astype(np.float32)
        for part, shape in shapes.items()
    }
    two = {
        f"blk.0.{names[part]}.weight": np.ascontiguousarray(one[f"transformer.h.0.{part}.weight"].T)
        for part in shapes
    }
    found = rows(
        write_safetensors(tmp_path / "1.safetensors", arrays(**one)),
        write_safetensors(tmp_path / "2.safetensors", arrays(**two)),
    )
    assert set(found) == set(one)
    assert all(row.difference and row.difference.relative == 0 for row in found.values())


def adapter(folder: Path, **config: Any) -> tuple[Any, Any]:
    folder.mkdir()
    inner, outer = (
        random.standard_normal((2, 6)).astype(np.float32),
        random.standard_normal((8, 2)).astype(np.float32),
    )
    stem = "base_model.model.model.layers.0.self_attn.q_proj"
    write_safetensors(
        folder / "adapter_model.safetensors",
        arrays(**{f"{stem}.lora_A.weight": inner, f"{stem}.lora_B.weight": outer}),
    )
    (folder / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 16} | config))
    return inner, outer


@pytest.mark.parametrize(
    ("config", "scale"),
    [({}, 8), ({"use_rslora": True}, 16 / 2**0.5), ({"alpha_pattern": {"q_proj": 3}}, 1.5)],
)
def test_an_adapter_stands_beside_its_target(tmp_path: Path, config: dict[str, Any], scale: float) -> None:
    target = random.standard_normal((8, 6)).astype(np.float32)
    base = write_safetensors(
        tmp_path / "base.safetensors",
        arrays(
            **{"model.layers.0.self_attn.q_proj.weight": target, "model.norm.weight": np.ones(6, np.float32)}
        ),
    )
    inner, outer = adapter(tmp_path / "adapter", **config)
    (row,) = rows(base, tmp_path / "adapter").values()
    assert row.name == "model.layers.0.self_attn.q_proj.weight"
    assert row.difference is not None
    product = scale * outer.astype(np.float64) @ inner
    assert row.difference.relative == pytest.approx(
        np.sqrt((product**2).mean() / (target.astype(float) ** 2).mean()), rel=1e-6
    )


def test_an_adapter_of_another_model_is_a_sentence(tmp_path: Path) -> None:
    adapter(tmp_path / "adapter")
    one = write_safetensors(tmp_path / "1.safetensors", arrays(a=np.ones(2, np.float32)))
    with pytest.raises(WeightsError, match="which the base has not"):
        rows(one, tmp_path / "adapter")
    wrong = arrays(**{"model.layers.0.self_attn.q_proj.weight": np.ones((8, 8), np.float32)})
    with pytest.raises(WeightsError, match=r"as \[8, 6\], but the base has \[8, 8\]"):
        rows(write_safetensors(tmp_path / "2.safetensors", wrong), tmp_path / "adapter")


def test_bands_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write_safetensors(
        tmp_path / "1.safetensors", arrays(a=random.standard_normal((50, 7)).astype(np.float32))
    )
    torch.save({"a": torch.ones(7, 50).t()}, tmp_path / "2.pt")
    with open_checkpoint(str(one)) as first, open_checkpoint(str(tmp_path / "2.pt")) as second:
        pair = [StoredMatrix(weight(checkpoint, "a").parts[0]) for checkpoint in (first, second)]
        expected = difference(pair[0], pair[1], Metric.RMS)
        monkeypatch.setattr("llmri_weights.difference.BAND", 20)
        found = difference(pair[0], pair[1], Metric.RMS)
    assert found.relative == pytest.approx(expected.relative, rel=1e-12)
    assert found.shown == pytest.approx(expected.shown, rel=1e-12)


def test_two_tensors_that_would_share_a_name_both_stay(tmp_path: Path) -> None:
    tensors = arrays(
        **{"model.norm.weight": np.ones(2, np.float32), "norm.weight": np.full(2, 2, np.float32)}
    )
    path = write_safetensors(tmp_path / "1.safetensors", tensors)
    assert set(rows(path, path)) == {"model.norm.weight", "norm.weight"}
