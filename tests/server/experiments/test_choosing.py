import numpy as np
import pytest

from llmri_server.experiments.choosing import Chosen, choose, places_of, scopes
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import AllUnits, LayerUnits, ListedUnits, SelectiveUnits

LISTED = ListedUnits(places=(LayerUnits(layer=1, units=(0, 2)), LayerUnits(layer=3, units=(4,))))
WANTED = np.array([[1.0, 0, 0, 0], [0, 1, 1, 0]])
OTHER = np.array([[0.5, 0, 0, 1], [0, 0.9, 0, 0]])
MAGNITUDES = {"a": [WANTED], "b": [OTHER], "c": [np.zeros((2, 4))]}


def chosen(units: Chosen, depth: int, width: int, *, sweep: bool = False) -> list[list[list[int]]]:
    """Return the units of each scope."""
    found = scopes(units, depth, width, sweep=sweep)
    return [np.argwhere(choose(units, scope, MAGNITUDES)).tolist() for scope in found]


def test_listed_units_are_taken_as_they_are() -> None:
    assert chosen(LISTED, 4, 5) == [[[1, 0], [1, 2], [3, 4]]]
    assert chosen(LISTED, 4, 5, sweep=True) == [[[1, 0], [1, 2]], [[3, 4]]]


def test_controls_of_listed_units_may_come_from_any_layer() -> None:
    assert scopes(LISTED, 4, 5, sweep=False)[0].mask.all()


def test_all_units_of_some_layers() -> None:
    assert chosen(AllUnits(layers=(2,)), 3, 2) == [[[2, 0], [2, 1]]]
    assert len(chosen(AllUnits(), 3, 2, sweep=True)) == 3


def test_selective_units_fire_for_their_group_and_for_no_other() -> None:
    assert chosen(SelectiveUnits(group="a", count=1), 2, 4) == [[[1, 2]]]
    assert chosen(SelectiveUnits(group="a", share=0.25), 2, 4) == [[[0, 0], [1, 2]]]
    assert chosen(SelectiveUnits(group="a", share=0.25), 2, 4, sweep=True) == [[[0, 0]], [[1, 2]]]


def test_what_to_choose_against_may_be_named() -> None:
    against = SelectiveUnits(group="a", count=3, against=("c",))
    assert chosen(against, 2, 4) == [[[0, 0], [1, 1], [1, 2]]]


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (LISTED, "layer 3; this model has layers 0 to 1"),
        (ListedUnits(places=(LayerUnits(layer=1, units=(4,)),)), "unit 4 of layer 1; it has units 0 to 3"),
        (AllUnits(layers=(2,)), "layer 2"),
        (SelectiveUnits(group="a", count=9), "9, expected 1 to 8"),
        (SelectiveUnits(group="a", share=0.01), "0, expected 1 to 8"),
    ],
)
def test_units_that_are_not_there_are_told(units: Chosen, said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        chosen(units, 2, 4)


def test_a_mask_is_written_layer_by_layer() -> None:
    mask = np.zeros((3, 4), dtype=np.bool_)
    mask[0, 3] = mask[2, 1] = mask[2, 2] = True
    assert places_of(mask) == (LayerUnits(layer=0, units=(3,)), LayerUnits(layer=2, units=(1, 2)))
