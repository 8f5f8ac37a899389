import msgspec

from llmri_protocol.messages import ProtectedUnit, ProtectionTest
from llmri_server.command import add_protection
from llmri_server.settings import Settings
from llmri_server.summary import protection_summary, summary
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


def test_protected_units_are_counted_by_their_test_and_the_time_is_told() -> None:
    tests: list[ProtectionTest] = ["loss", "massive", "massive"]
    units = tuple(unit(number, test) for number, test in enumerate(tests))
    card = msgspec.structs.replace(CARD, protected=units)
    said = "protected units: 2 by massive activations, 1 by loss when ablated (looked in 1.3 s)"
    assert protection_summary(card, 1.26) == said
    assert protection_summary(CARD, 0.04) == "protected units: none (looked in 0.0 s)"


def test_a_long_search_names_a_quicker_one() -> None:
    assert protection_summary(CARD, 83.0).endswith("(looked in 83.0 s; --protect massive is quicker)")


def test_what_is_found_at_load_stands_on_the_card() -> None:
    runtime = FakeRuntime()
    first = runtime.text_ids("The")[0]
    runtime.model._embedding[first, 5] = -40_000
    seconds = add_protection(runtime, Settings(protect="massive"))
    assert {unit.unit for unit in runtime.card.protected} == {5}
    assert seconds > 0
