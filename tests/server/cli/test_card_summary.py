from pathlib import Path

import msgspec
import pytest

from llmri_protocol.messages import ProtectedUnit, ProtectionTest
from llmri_server.cli.card_summary import protection_summary, summary
from llmri_server.protection.starting import Search, begin, finish
from llmri_server.settings import Settings
from tests.server.fakes import CARD, FakeRuntime


def unit(number: int, test: ProtectionTest) -> ProtectedUnit:
    return ProtectedUnit(site="resid_post", layer=0, unit=number, test=test, evidence="seen")


def test_a_model_is_told_in_a_few_lines() -> None:
    card = msgspec.structs.replace(CARD, absent=("z",))
    assert summary(card).splitlines() == [
        "fake: fake, 3 layers x 8, fake on cpu, activations in f32, context of 64 tokens",
        "sites: resid_post (8), mlp_act (8)",
        "not found in this model: z",
        "chat: its own template",
    ]


def test_protected_units_are_counted_by_their_test_with_where_they_are_known_from() -> None:
    tests: list[ProtectionTest] = ["loss", "massive", "massive"]
    units = tuple(unit(number, test) for number, test in enumerate(tests))
    card = msgspec.structs.replace(CARD, protected=units)
    counted = "protected units: 2 by massive activations, 1 by loss when ablated"
    assert protection_summary(card, Settings(), Search(recalled=True)).startswith(f"{counted} (known from")
    none = protection_summary(CARD, Settings(protect="none"), Search())
    assert none == "protected units: none (--protect none)"
    later = protection_summary(CARD, Settings(), begin(FakeRuntime(), Settings(), []))
    assert later.startswith("protected units: none yet; looked for between turns in 35 passes or so; /stop")


def test_what_is_finished_at_once_stands_on_the_card_and_is_known_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMRI_CACHE", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    files, told = [tmp_path / "config.json"], []
    for _ in range(2):
        runtime = FakeRuntime()
        runtime.model._embedding[runtime.text_ids("The")[0], 5] = -40_000
        search = begin(runtime, Settings(protect="massive"), files)
        assert finish(runtime, search, lambda *steps: told.append(steps)) is None
        assert {unit.unit for unit in runtime.card.protected} == {5}
    assert told == [(1, 2), (2, 2)]
    assert search.recalled
