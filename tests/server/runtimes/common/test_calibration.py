import msgspec
import pytest

from llmri_protocol.configs import ConfigError
from llmri_server.runtimes.common import calibration
from llmri_server.runtimes.common.calibration import calibration_ids, calibration_text
from tests.server.fakes import CARD, FakeRuntime


def test_most_models_read_a_page_of_mixed_text() -> None:
    text = calibration_text(CARD)
    assert 200 < len(text.split()) < 400
    for part in (".", "\n\n", "85", "def mean", "- 2 kg", "Le soir", "Am Abend"):
        assert part in text


def test_pocket_reads_its_own_kind_of_conversation() -> None:
    text = calibration_text(msgspec.structs.replace(CARD, name="pocket"))
    assert text.startswith("<|begin|><|user|>")
    assert text.endswith("<|end|>")
    assert text.count("<|user|>") == text.count("<|assistant|>") > 8


def test_the_tokens_fit_into_the_context() -> None:
    runtime = FakeRuntime()
    ids = calibration_ids(runtime)
    assert len(ids) == CARD.context
    assert ids == runtime.text_ids(calibration_text(CARD))[: CARD.context]


def test_a_text_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(calibration.OWN, "fake", "nowhere.txt")
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.txt"):
        calibration_text(CARD)
