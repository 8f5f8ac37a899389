from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol.messages import Edit, Positions
from llmri_server.edits import Place, latest, resolve

edits_strategy = st.lists(
    st.builds(
        Edit,
        site=st.sampled_from(["resid_post", "mlp_act"]),
        layer=st.integers(0, 2),
        units=st.lists(st.integers(0, 5), min_size=1, max_size=8).map(tuple),
        value=st.sampled_from([0.0, 0.5, 2.0]),
        positions=st.sampled_from(["all", "last"]),
    ),
    max_size=12,
)


def meaning(edits: Iterable[Edit]) -> dict[tuple[Place, int], tuple[float, Positions]]:
    return {
        (place, unit): (edit.value, edit.positions)
        for place, here in resolve(edits).items()
        for unit, edit in here.units.items()
    }


def test_the_latest_edit_of_a_unit_wins_also_over_other_positions() -> None:
    ablate = Edit(site="mlp_act", layer=1, units=(3, 4), value=0.0)
    boost = Edit(site="mlp_act", layer=1, units=(4,), value=2.0, positions="last")
    assert resolve([ablate, boost])["mlp_act", 1].units == {3: ablate, 4: boost}


@given(edits_strategy)
def test_every_unit_obeys_the_last_edit_that_names_it(edits: list[Edit]) -> None:
    expected: dict[tuple[Place, int], tuple[float, Positions]] = {}
    for edit in edits:
        for unit in edit.units:
            expected[(edit.site, edit.layer), unit] = (edit.value, edit.positions)
    assert meaning(edits) == expected


@given(edits_strategy)
def test_the_standing_edits_mean_the_same_and_name_each_unit_once(edits: list[Edit]) -> None:
    standing = latest(edits)
    assert meaning(standing) == meaning(edits)
    named = [(edit.site, edit.layer, unit) for edit in standing for unit in edit.units]
    assert len(named) == len(set(named))
