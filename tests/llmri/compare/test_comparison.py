"""What can't be compared is said."""

from pathlib import Path

import numpy as np
import pytest

from llmri.compare import comparison
from llmri.compare.comparison import compare, tokens_of
from llmri.compare.errors import CompareError
from llmri.compare.opening import open_model, open_others
from llmri_protocol.messages import Edit
from llmri_server.runtime import Runtime
from tests.gguf_models import gguf_model

TEXT = "What is 12 + 7?"


def test_a_text_is_cut_to_what_is_asked_for_and_fits(
    reference: Runtime, exported: dict[str, Runtime]
) -> None:
    assert len(tokens_of(reference, exported, TEXT, 3)) == 3
    assert len(tokens_of(reference, exported, TEXT * 100, 10_000)) == reference.card.context


def test_other_tokens_are_refused(reference: Runtime, tmp_path: Path) -> None:
    tiny = open_model(str(gguf_model("llama", tmp_path).path))
    with pytest.raises(CompareError, match="tiny reads the text otherwise than the reference, from token 0"):
        tokens_of(reference, {"tiny": tiny}, TEXT, 100)
    with pytest.raises(CompareError, match="no tokens"):
        tokens_of(reference, {}, "", 100)


def test_another_model_is_refused(reference: Runtime, tmp_path: Path) -> None:
    tiny = open_model(str(gguf_model("llama", tmp_path).path))
    with pytest.raises(CompareError, match="tiny has layers 3, the reference 8"):
        compare(reference, {"tiny": tiny}, [1, 2])


def test_a_site_at_a_time_gives_the_same(
    reference: Runtime, exported: dict[str, Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = {"F16": exported["F16"]}
    (together,) = compare(reference, half, list(range(10, 30)))
    monkeypatch.setattr(comparison, "MOST_BYTES", 1)
    told: list[int] = []
    (apart,) = compare(reference, half, list(range(10, 30)), on_pass=told.append)
    assert told == [1] * len(reference.card.sites)
    for site, errors in together.sites.items():
        np.testing.assert_allclose(apart.sites[site], errors, rtol=1e-3)


def test_an_edit_that_does_not_fit_is_refused(reference: Runtime, exported: dict[str, Runtime]) -> None:
    beyond = Edit(site="resid_post", layer=99, units=(0,))
    with pytest.raises(CompareError, match="edit"):
        compare(reference, exported, [1, 2], [beyond])


def test_sites_that_one_lacks_are_named(tmp_path: Path) -> None:
    made = gguf_model("mixtral", tmp_path)
    reference = open_model(str(tmp_path / "tiny-mixtral"))
    (compared,) = compare(reference, {"gguf": open_model(str(made.path))}, list(range(10, 20)))
    assert compared.absent == ("expert_out", "router")
    assert max(errors.max() for errors in compared.sites.values()) < 1e-4


def test_a_folder_or_files_are_compared(tmp_path: Path) -> None:
    made = gguf_model("llama", tmp_path, "q8_0")
    assert list(open_others("whatever", [str(made.path)], tmp_path)) == ["tiny-llama-q8_0"]
    assert list(open_others(str(tmp_path / "tiny-llama"), [], tmp_path)) == ["F16", "Q8_0", "Q4"]
    with pytest.raises(CompareError, match="no folder that can be written as GGUF"):
        open_others("some/hub-id", [], tmp_path)


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CompareError, match=r"holds no config\.json"):
        open_others(str(tmp_path), [], tmp_path)
