"""llama.cpp computes what PyTorch computes, at every site of every architecture that is exported."""

from pathlib import Path

import pytest

from llmri.compare.comparison import compare
from llmri.compare.opening import open_model
from tests.gguf_models import FAMILIES, gguf_model

IDS = list(range(10, 250, 12))  # longer than Gemma's window
# ggml looks GELU up in a table of half precision.
MOST = dict.fromkeys(FAMILIES, 2e-5) | {"gemma2": 1e-3}


@pytest.mark.parametrize("family", FAMILIES)
def test_all_sites_are_found_and_equal(family: str, tmp_path: Path) -> None:
    made = gguf_model(family, tmp_path, "f32")
    reference = open_model(str(tmp_path / f"tiny-{family}"))
    (compared,) = compare(reference, {family: open_model(str(made.path))}, IDS)
    assert not set(reference.card.absent) & set(compared.absent)
    assert set(compared.absent) <= {"router", "expert_out"}
    for site, errors in compared.sites.items():
        assert errors.max() < MOST[family], (site, errors)
    assert compared.predictions.error < MOST[family]
