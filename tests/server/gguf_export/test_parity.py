"""llama.cpp computes with an exported file what PyTorch computes with the folder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from llmri_server.gguf_export import Precision
from tests.gguf_models import FAMILIES, GgufModel, gguf_model
from tests.server.gguf_export.conftest import plain_llama

IDS = list(range(10, 250, 12))  # longer than Gemma's window


def logits(made: GgufModel) -> tuple[np.ndarray, np.ndarray]:
    """Return llama.cpp's and PyTorch's logits, `[positions, vocabulary]`."""
    llama = plain_llama(made.path)
    llama.eval(IDS)
    with torch.no_grad():
        theirs = made.model(torch.tensor([IDS])).logits[0].float().numpy()
    return np.array(llama.scores[: len(IDS)]), theirs


# ggml looks GELU up in a table of half precision.
TOLERANCE = dict.fromkeys(FAMILIES, 1e-4) | {"gemma2": 2e-3}


@pytest.mark.parametrize("family", FAMILIES)
def test_float32_logits_are_equal_for_every_architecture(family: str, tmp_path: Path) -> None:
    ours, theirs = logits(gguf_model(family, tmp_path, "f32"))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE[family])


@pytest.mark.parametrize(
    ("precision", "most"), [("f16", 3e-3), ("q8_0", 0.05), ("q4", 0.4)], ids=["f16", "q8_0", "q4"]
)
@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma2"])
def test_fewer_bits_cost_little_and_more_than_none(
    family: str, precision: Precision, most: float, tmp_path: Path
) -> None:
    ours, theirs = logits(gguf_model(family, tmp_path, precision, intermediate_size=64))
    error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    assert 1e-6 < error < most


def test_llama_3_slows_its_low_frequencies(tmp_path: Path) -> None:
    rope = {
        "rope_type": "llama3",
        "rope_theta": 500.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }
    ours, theirs = logits(gguf_model("llama", tmp_path, "f32", rope_parameters=rope))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_tied_embeddings_are_written_once(tmp_path: Path) -> None:
    ours, theirs = logits(gguf_model("llama", tmp_path, "f32", tie_word_embeddings=True))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
