"""What the benchmark of edits compares, on a model of two layers."""

from collections.abc import Iterator

import pytest
import torch

from benchmarks.edits import (
    ALL_OPS,
    CAPTURE,
    CLEARED,
    MANY_ALL_OPS,
    MANY_ONE_OP,
    NONE,
    NONE_AGAIN,
    ONE_OP,
    WAITING,
    Case,
    contestants_of,
    measure,
)
from tests.benchmarks.test_capture import ENDS, LAYERS, tiny

CASE = Case("Edits, tiny", tiny, "1 2 3", tokens=4, rounds=1, many=50, share=None)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_as_many_hooks_run_for_many_units_as_for_one() -> None:
    calls = {name: turn().calls for name, turn in contestants_of(CASE).items()}
    hooked = (ONE_OP, MANY_ONE_OP, ALL_OPS, MANY_ALL_OPS, WAITING, CAPTURE, CLEARED)
    scans = LAYERS + ENDS + 1  # the scan is handed over inside the last hook
    assert {name: calls[name] for name in (NONE, NONE_AGAIN)} == {NONE: ENDS, NONE_AGAIN: ENDS}
    assert {calls[name] for name in hooked} <= {LAYERS + ENDS, scans}


def test_a_case_is_measured_with_its_gates() -> None:
    section = measure(CASE, lambda _title, _steps: lambda: None, rounds=1)
    assert [row.gate.bound for row in section.rows if row.gate] == [1.5, 1.5, 1.03]
    assert all(row.spread.median > 0 for row in section.rows)
