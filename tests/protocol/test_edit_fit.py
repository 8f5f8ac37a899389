import msgspec
import pytest

from llmri_protocol import Edit
from llmri_protocol.edit_fit import another_model, fits
from tests.protocol.edit_sets import CARD, EXAMPLE


def test_a_set_fits_the_model_it_was_made_on() -> None:
    assert fits(EXAMPLE, CARD) == ""
    assert another_model(EXAMPLE, CARD) == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "llama-3"}, "it was made on pocket, this model is llama-3"),
        ({"layers": 16}, "it was made on a llama of 8 layers, this pocket is a llama of 16"),
        (
            {"sites": (msgspec.structs.replace(CARD.sites[1], width=512),)},
            "it was made where `mlp_act` has 64 units, here it has 512",
        ),
    ],
)
def test_another_model_is_told_by_what_differs(changes: dict[str, object], sentence: str) -> None:
    assert another_model(EXAMPLE, msgspec.structs.replace(CARD, **changes)) == sentence


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (Edit(site="attn_out", layer=0, units=(1,)), "`attn_out` can't be edited here"),
        (Edit(site="nowhere", layer=0, units=(1,)), "editable are resid_post, mlp_act, z"),
        (Edit(site="z", layer=8, units=(1,)), "there is no layer 8; pocket has layers 0 to 7"),
        (Edit(site="mlp_act", layer=0, units=(1, 64)), "there is no unit 64; `mlp_act` has units 0 to 63"),
        (Edit(site="z", layer=0, heads=(2,)), "there is no head 2; `z` has 2 heads"),
        (Edit(site="mlp_act", layer=0, heads=(0,)), "there is no head 0; `mlp_act` has 0 heads"),
        (
            Edit(site="z", layer=0, op="steer", direction=(1.0,)),
            "its direction has 1 numbers; `z` has 6 units",
        ),
    ],
)
def test_the_entry_that_does_not_fit_is_named(edit: Edit, sentence: str) -> None:
    document = msgspec.structs.replace(EXAMPLE, edits=(EXAMPLE.edits[0], edit))
    told = fits(document, CARD)
    assert told.startswith(f"edit 2 of 2 ({edit.site}, layer {edit.layer}): ")
    assert sentence in told
