import numpy as np
import pytest

from llmri_protocol.memory import ALIGNMENT, SPARE, BodyMemory

BUDGET = 8 << 20


def address(view: memoryview) -> int:
    return int(np.frombuffer(view, np.uint8).__array_interface__["data"][0])


@pytest.mark.parametrize("length", [1, 15, 16, 17, 100_003])
def test_memory_is_writable_as_long_as_asked_and_ends_aligned(length: int) -> None:
    view = BodyMemory(BUDGET).take(length, tail=5)
    view[:] = bytes(len(view))
    assert len(view) == length + 5
    assert (address(view) + length) % ALIGNMENT == 0


def test_memory_that_nothing_looks_at_is_used_again() -> None:
    memory = BodyMemory(BUDGET)
    view = memory.take(1 << 20)
    first = address(view)
    del view
    assert address(memory.take(1 << 20)) == first


def test_memory_that_an_array_looks_at_is_never_handed_out_again() -> None:
    memory = BodyMemory(BUDGET)
    kept = []
    for number in range(3 * SPARE):
        view = memory.take(1 << 16)
        view[:] = bytes([number]) * len(view)
        kept.append(np.frombuffer(view[16:], np.uint8)[100:200])
    assert [int(array[0]) for array in kept] == list(range(3 * SPARE))
    assert all((array == array[0]).all() for array in kept)


def test_memory_comes_back_when_the_arrays_on_it_are_gone() -> None:
    memory = BodyMemory(BUDGET)
    kept = [np.frombuffer(memory.take(1 << 16), np.uint8) for _ in range(SPARE)]
    addresses = {int(array.__array_interface__["data"][0]) for array in kept}
    kept.clear()
    assert address(memory.take(1 << 16)) in addresses


def test_a_block_that_fits_badly_is_given_up() -> None:
    memory = BodyMemory(BUDGET)
    memory.take(1 << 20)
    small = memory.take(1 << 10)
    assert len(small) == 1 << 10
    assert sum(map(len, memory._blocks)) < 1 << 11


def test_more_than_the_budget_is_never_kept() -> None:
    memory = BodyMemory(BUDGET)
    for length in (BUDGET // 4, BUDGET // 2, BUDGET, 2 * BUDGET):
        assert len(memory.take(length)) == length
        assert sum(map(len, memory._blocks)) <= BUDGET
