import math

import pytest

from llmri_protocol.messages import Edit, ModelCard, SiteCard
from llmri_server.edits import check
from llmri_server.runtime import EditError

CARD = ModelCard(
    name="tiny",
    runtime="torch",
    family="llama",
    layers=8,
    hidden_size=32,
    heads=4,
    vocabulary=300,
    context=128,
    dtype="f32",
    device="cpu",
    chat=True,
    sites=(
        SiteCard(name="resid_post", width=32, editable=True, unit="residual direction"),
        SiteCard(name="z", width=32, editable=False, unit="attention head component"),
        SiteCard(name="mlp_act", width=48, editable=True, unit="MLP neuron"),
    ),
    absent=("resid_mid",),
)
FITS = Edit(site="resid_post", layer=7, units=(0, 31, 31), value=-2.5)


def test_edits_at_the_very_limits_fit() -> None:
    check([FITS, Edit(site="mlp_act", layer=0, units=(47,), positions="last")], CARD)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Edit(site="nose", layer=0, units=(0,)), ["there is no site `nose`", "`resid_post`, `mlp_act`"]),
        (Edit(site="resid_mid", layer=0, units=(0,)), ["`resid_mid` was not found in this model"]),
        (Edit(site="z", layer=0, units=(0,)), ["`z` can be watched but not edited"]),
        (Edit(site="resid_post", layer=8, units=(0,)), ["no layer 8", "layers 0 to 7"]),
        (Edit(site="resid_post", layer=-1, units=(0,)), ["no layer -1"]),
        (Edit(site="resid_post", layer=0, units=(3, 32)), ["no unit 32", "units 0 to 31"]),
        (Edit(site="mlp_act", layer=0, units=(-1,)), ["no unit -1", "units 0 to 47"]),
        (Edit(site="resid_post", layer=0, units=()), ["names no unit"]),
        (Edit(site="resid_post", layer=0, units=(1,), value=math.nan), ["value is nan"]),
        (Edit(site="resid_post", layer=0, units=(1,), value=-math.inf), ["value is -inf"]),
        (Edit(site="resid_post", layer=0, units=(1,), value=1e39), ["1e+39", "finite float32"]),
    ],
)
def test_an_edit_that_does_not_fit_is_named_with_what_would_fit(edit: Edit, words: list[str]) -> None:
    with pytest.raises(EditError) as refusal:
        check([FITS, edit], CARD)
    sentence = str(refusal.value)
    assert sentence.startswith(f"edit 2 of 2 ({edit.site}, layer {edit.layer}): ")
    for word in words:
        assert word in sentence


def test_a_model_without_editable_sites_says_so() -> None:
    card = ModelCard(**{name: getattr(CARD, name) for name in CARD.__struct_fields__} | {"sites": ()})
    with pytest.raises(EditError, match="no site of this model can be edited"):
        check([FITS], card)
