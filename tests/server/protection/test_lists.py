from pathlib import Path

import msgspec
import pytest

from llmri_protocol.configs import ConfigError
from llmri_protocol.messages import ModelCard, SiteCard
from llmri_server.protection.lists import listed
from tests.server.fakes import CARD

LISTING = """
[[protected]]
model = "*tiny-?b"
family = "fake"
site = "resid_post"
first_layer = 1
last_layer = 9
units = [2, 7, 8]
reason = "somebody, 2024"
"""


def named(name: str, **fields: object) -> ModelCard:
    return msgspec.structs.replace(CARD, name=name, **fields)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "protected.toml"
    path.write_text(LISTING)
    return path


def test_a_listed_model_has_its_units_protected_where_it_has_them(file: Path) -> None:
    units = listed(named("someone/Tiny-7B"), file)
    assert [(unit.site, unit.layer, unit.unit) for unit in units] == [
        ("resid_post", layer, unit) for layer in (1, 2) for unit in (2, 7)
    ]
    assert {(unit.test, unit.evidence) for unit in units} == {("list", "somebody, 2024")}


def test_other_names_and_families_have_none(file: Path) -> None:
    assert listed(named("tiny-7b-chat"), file) == ()
    assert listed(named("tiny-7b", family="other"), file) == ()


def test_the_bundled_lists_are_valid_and_know_llama() -> None:
    site = SiteCard(name="resid_post", width=4096, editable=True, unit="residual direction")
    llama = named("meta-llama/Llama-2-7b-hf", family="llama", layers=32, hidden_size=4096, sites=(site,))
    units = listed(llama)
    assert {unit.unit for unit in units} == {1415, 2533}
    assert {unit.layer for unit in units} == set(range(1, 30))
    assert all("2402.17762" in unit.evidence for unit in units)
    assert listed(CARD) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("reason =", "raeson =", "did you mean `protected`|raeson"),
        ("units = [2, 7, 8]", "units = []", "units"),
        ("units = [2, 7, 8]", "units = [-1]", "units"),
        ("last_layer = 9", "last_layer = 0", "from layer 1 to 0"),
        ("last_layer = 9", "", "last_layer"),
        ('family = "fake"', "family = 3", "family"),
    ],
)
def test_a_bad_list_is_told_in_a_sentence(file: Path, old: str, new: str, said: str) -> None:
    file.write_text(LISTING.replace(old, new))
    with pytest.raises(ConfigError, match=said) as told:
        listed(CARD, file)
    assert str(file) in str(told.value)
