"""What people write in Python becomes what the wire has; results say what they are, and can be kept."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from llmri_protocol.arrays import array_of, scan_message
from llmri_protocol.codec import decode, encode
from llmri_protocol.messages import Attribution, Candidate, Edit, Influence, Intervene, Scan

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4) / 7


def edit(**fields: Any) -> Edit:
    given: dict[str, Any] = {"site": "mlp_act", "layer": 3}
    return Edit(**given | fields)


def scan(dtype: Any = "f32", rows: Any = ROWS, wish: Any = "native") -> Scan:
    return scan_message(
        rows, dtype, turn=3, token=12, phase="generate", site="mlp_act", layers=(1, 2, 5), time=0.0, wish=wish
    )


@pytest.mark.parametrize(
    "units",
    [
        range(3),
        [0, 1, 2],
        np.arange(3),
        np.arange(3, dtype=np.uint8),
        (np.int64(0), np.int32(1), 2),
        (unit for unit in range(3)),
        {0: "a", 1: "b", 2: "c"}.keys(),
    ],
)
def test_units_are_any_whole_numbers(units: Any) -> None:
    assert edit(units=units) == edit(units=(0, 1, 2))
    assert all(type(unit) is int for unit in edit(units=units).units)


def test_one_number_is_one_unit() -> None:
    assert edit(units=7).units == edit(units=np.int64(7)).units == edit(units=np.array(7)).units == (7,)


def test_numpys_numbers_travel_in_every_field() -> None:
    made = edit(
        layer=np.int64(3),
        heads=np.arange(2),
        value=np.float32(0.5),
        direction=np.ones(2, np.float32),
        seed=np.uint8(4),
        positions=np.array([1, 2]),
        since=np.int16(5),
    )
    [*buffers] = encode(Intervene(id=1, edits=(made,)))
    sent = decode(memoryview(b"".join(bytes(each) for each in buffers))[4:], "client")
    assert isinstance(sent, Intervene)
    assert sent.edits == (made,)
    assert made == edit(heads=(0, 1), value=0.5, direction=(1.0, 1.0), seed=4, positions=(1, 2), since=5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("units", 1.5),
        ("units", [1.5]),
        ("units", "3"),
        ("units", np.array([0.5])),
        ("units", np.array([True])),
        ("units", [[1, 2]]),
        ("units", None),
        ("layer", 2.0),
        ("layer", True),
        ("value", "0"),
        ("value", None),
        ("direction", 1.0),
        ("direction", ["a"]),
        ("positions", [0.5]),
        ("since", 1.5),
        ("seed", "x"),
    ],
)
def test_what_is_no_number_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{field} is .*expected"):
        edit(**{field: value})


def test_a_scan_is_an_array() -> None:
    np.testing.assert_array_equal(np.asarray(scan()), ROWS)
    assert np.asarray(scan()).dtype == np.float32
    assert np.shares_memory(np.asarray(scan()), ROWS)
    assert not np.shares_memory(np.array(scan(), copy=True), ROWS)
    np.testing.assert_array_equal(np.asarray(scan(), dtype=np.float64), ROWS.astype(np.float64))
    assert np.mean(scan()) == ROWS.mean()
    with pytest.raises(ValueError, match="copy"):
        np.array(scan(), dtype=np.float64, copy=False)


@pytest.mark.parametrize("wish", ["f32", "u8"])
def test_every_dtype_comes_out_as_array_of_says(wish: Any) -> None:
    np.testing.assert_array_equal(np.asarray(scan(wish=wish)), array_of(scan(wish=wish)))
    halves = scan("f16", ROWS.astype(np.float16))
    np.testing.assert_array_equal(np.asarray(halves), ROWS.astype(np.float16).astype(np.float32))


def influence() -> Influence:
    return Influence(
        id=1, site="mlp_act", layers=(0, 1, 2), shape=(3, 4), positions=9, kl=0.25, gains=(), losses=(),
        seconds=1.0, data=ROWS.tobytes(),
    )  # fmt: skip


def attribution() -> Attribution:
    return Attribution(
        id=1, site="mlp_act", layer=2, method="gradient", target=Candidate(id=3, text=" 82", logprob=-0.1),
        checked=(1, 2), effects=(0.5, 0.25), pearson=None, spearman=None, seconds=1.0,
        data=ROWS[0].tobytes(),
    )  # fmt: skip


@pytest.mark.parametrize("made", [scan(), influence(), attribution(), edit(units=range(20))])
def test_results_can_be_kept_and_copied(made: Any) -> None:
    for again in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert again == made
    if not isinstance(made, Edit):
        np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(made))), np.asarray(made))


def test_what_is_printed_says_what_it_is() -> None:
    assert repr(scan()) == "Scan(turn 3, token 12, generate, mlp_act, layers 1-2,5, [3, 4] f32)"
    assert repr(influence()) == (
        "Influence(mlp_act, layers 0-2, [3, 4] in standard deviations, over 9 tokens, KL 0.25 nats)"
    )
    assert repr(attribution()) == (
        "Attribution(mlp_act layer 2, [4] shares of the logit of ' 82', gradient, 2 checked by ablation)"
    )
    assert repr(edit(units=range(20))) == "Edit('mlp_act', layer=3, units='0-19', op='scale', value=0)"
    assert repr(edit(units=4, op="mean", positions="last")) == (
        "Edit('mlp_act', layer=3, units='4', op='mean', positions='last')"
    )
    assert repr(edit(op="steer", value=2, direction=(1.0, 2.0))) == (
        "Edit('mlp_act', layer=3, direction=[2 numbers], op='steer', value=2)"
    )
