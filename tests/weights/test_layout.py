"""Where tensors stand on the canvas."""

from pathlib import Path

import pytest

from llmri_weights.aligned import aligned
from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.layout import Canvas, laid_out, lay_out
from llmri_weights.matrices import matrix_shape


def check(canvas: Canvas) -> None:
    """No two tensors overlap, all are on the canvas, and the same part of every layer lines up."""
    for number, one in enumerate(canvas.placed):
        assert 0 <= one.x <= one.x + one.width <= canvas.width
        assert 0 <= one.y <= one.y + one.height <= canvas.height
        for other in canvas.placed[:number]:
            apart = one.x >= other.x + other.width or other.x >= one.x + one.width
            assert apart or one.y >= other.y + other.height or other.y >= one.y + one.height, (one, other)


@pytest.mark.parametrize("name", ["pocket", "pocket_gguf"])
def test_a_pixel_is_an_element_and_nothing_overlaps(name: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    with open_checkpoint(str(path)) as checkpoint:
        tensors = aligned(checkpoint)
        canvas = lay_out(tensors)
    check(canvas)
    assert {item.key: (item.height, item.width) for item in canvas.placed} == {
        key: matrix_shape(tensor.shape) for key, tensor in tensors.items()
    }


def test_both_formats_of_a_model_have_one_layout(pocket: Path, pocket_gguf: Path) -> None:
    with open_checkpoint(str(pocket)) as one, open_checkpoint(str(pocket_gguf)) as other:
        assert set(lay_out(aligned(one)).placed) == set(lay_out(aligned(other)).placed)


def test_the_same_tensor_of_every_layer_lines_up_and_a_missing_one_leaves_its_place() -> None:
    sizes = {f"blk.{layer}.{part}.weight": (64, 48) for layer in (0, 1, 3) for part in ("attn_q", "ffn_up")}
    sizes |= {"blk.1.attn_norm.weight": (1, 48), "token_embd.weight": (500, 48), "output.weight": (500, 48)}
    del sizes["blk.3.attn_q.weight"]
    canvas = laid_out(sizes)
    check(canvas)
    at = {item.key: item for item in canvas.placed}
    first = (
        at["blk.0.attn_q.weight"].x - at["blk.0.ffn_up.weight"].x,
        at["blk.0.attn_q.weight"].y - at["blk.0.ffn_up.weight"].y,
    )
    second = (
        at["blk.1.attn_q.weight"].x - at["blk.1.ffn_up.weight"].x,
        at["blk.1.attn_q.weight"].y - at["blk.1.ffn_up.weight"].y,
    )
    assert first == second
    xs, ys = ({getattr(at[f"blk.{layer}.ffn_up.weight"], axis) for layer in (0, 1, 3)} for axis in "xy")
    assert len(xs) * len(ys) >= 3
    assert at["token_embd.weight"].y < at["blk.0.attn_q.weight"].y
    assert at["output.weight"].y > max(
        item.y + item.height for item in canvas.placed if item.layer is not None
    )


def test_a_large_model_is_nearly_square() -> None:
    parts = {
        "attn_q": (8192, 8192),
        "attn_k": (1024, 8192),
        "ffn_gate": (28672, 8192),
        "ffn_up": (28672, 8192),
        "ffn_down": (8192, 28672),
    }
    canvas = laid_out(
        {f"blk.{layer}.{part}.weight": size for layer in range(80) for part, size in parts.items()}
    )
    check(canvas)
    assert 0.4 < canvas.width / canvas.height < 2.5


def test_nothing_is_a_canvas_too() -> None:
    assert laid_out({}).placed == ()
