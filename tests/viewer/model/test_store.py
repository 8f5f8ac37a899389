"""The ring of scans: what it keeps, what it lets go, and what a frame asks of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol.messages import Candidate, Token
from llmri_viewer.model.history.store import TURNS_KEPT, ScanRows, ScanStore, TokenRef

Places = list[tuple[int, int, str]]
PLACES = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 30), st.sampled_from("ab")), max_size=120)


def sheet(value: float = 0.0, layers: int = 2, width: int = 4) -> ScanRows:
    return ScanRows(tuple(range(layers)), np.full((layers, width), value, np.float32))


ONE = sheet().bytes


def word(turn: int, token: int, text: str = "a", phase: str = "generate") -> Token:
    return Token(turn=turn, token=token, phase=phase, id=1, text=text)  # type: ignore[arg-type]


def kept(store: ScanStore, site: str) -> list[TokenRef]:
    return [TokenRef(turn, token) for turn in sorted(store.turns) for token in store.moments(turn, site)]


def held(store: ScanStore) -> int:
    sheets = (store.scan(moment, site) for site in "ab" for moment in kept(store, site))
    return sum(sheet.bytes for sheet in sheets if sheet) + sum(t.text_bytes for t in store.turns.values())


@given(PLACES, st.integers(1, 20 * ONE))
def test_scans_never_outgrow_the_budget_and_the_newest_stays(scans: Places, budget: int) -> None:
    store = ScanStore(budget)
    for turn, token, site in scans:
        store.add_scan(TokenRef(turn, token), site, sheet())
        assert store.bytes == held(store) <= max(budget, ONE)
        assert store.scan(TokenRef(turn, token), site) is not None


@given(PLACES)
def test_nothing_is_dropped_that_the_budget_does_not_demand(scans: Places) -> None:
    store = ScanStore(len(scans) * ONE)
    for turn, token, site in scans:
        store.add_scan(TokenRef(turn, token), site, sheet())
    for site in "ab":
        assert kept(store, site) == sorted({TokenRef(t, k) for t, k, s in scans if s == site})


@given(PLACES, st.integers(ONE, 20 * ONE), st.tuples(st.integers(0, 6), st.integers(-1, 31)))
def test_every_question_is_answered_as_by_looking_through_all_scans(
    scans: Places, budget: int, asked: tuple[int, int]
) -> None:
    store, here = ScanStore(budget), TokenRef(*asked)
    for turn, token, site in scans:
        store.add_scan(TokenRef(turn, token), site, sheet())
    every = kept(store, "a")
    before, after = [m for m in every if m < here], [m for m in every if m > here]
    assert every == sorted(every)
    assert store.newest("a") == (every[-1] if every else None)
    assert store.oldest("a") == (every[0] if every else None)
    assert store.step(here, "a", -1) == (before[-1] if before else None)
    assert store.step(here, "a", 1) == (after[0] if after else None)
    assert store.behind(here, "a") == len(after)
    assert store.scanned_turns("a") == sorted({moment.turn for moment in every})
    nearest = store.nearest(here, "a")
    same = [abs(m.token - here.token) for m in every if m.turn == here.turn]
    assert (nearest is not None) == bool(every)
    if same and nearest:
        assert nearest.turn == here.turn
        assert abs(nearest.token - here.token) == min(same)


@given(PLACES, st.integers(ONE, 20 * ONE))
def test_a_history_read_as_it_grows_is_the_history_read_at_once(scans: Places, budget: int) -> None:
    store = ScanStore(budget)
    for count, (turn, token, site) in enumerate(scans):
        store.add_scan(TokenRef(turn, token), site, sheet(float(count)))
        tokens, values = store.history(1, "a", 1, 3)
        rows = [store.row(TokenRef(1, token), "a", 1) for token in store.moments(1, "a")]
        assert tokens == store.moments(1, "a")
        assert values == [float(row[3]) for row in rows if row is not None]


def test_the_oldest_scan_goes_first_and_is_known_to_have_been_there() -> None:
    store = ScanStore(3 * ONE)
    for token in range(5):
        store.add_scan(TokenRef(1, token), "a", sheet())
    assert store.moments(1, "a") == [2, 3, 4]
    assert [store.let_go(TokenRef(1, token), "a") for token in range(6)] == [True, True, *[False] * 4]
    assert store.gone == {"a": 2}


def test_the_memory_of_a_scan_is_that_of_the_frame_it_lies_in() -> None:
    frame = bytearray(1000)
    rows = np.ndarray((2, 4), "<f4", memoryview(frame)[100:])
    assert ScanRows((0, 1), rows).bytes - ONE == 1000 - rows.nbytes


def test_text_counts_for_the_budget_and_scans_go_for_it() -> None:
    top = tuple(Candidate(id=n, text="w", logprob=-1.0) for n in range(4))
    long = Token(turn=2, token=0, phase="generate", id=1, text="w" * 100, top=top)
    store = ScanStore(4 * ONE)
    for token in range(4):
        store.add_scan(TokenRef(1, token), "a", sheet())
    store.add_token(long)
    assert store.bytes == held(store) <= store.budget
    assert store.moments(1, "a") == [3]


def test_turns_are_forgotten_where_there_are_many_and_their_scans_have_gone() -> None:
    store = ScanStore(8 * ONE)
    for turn in range(1, TURNS_KEPT + 20):
        store.add_scan(TokenRef(turn, 0), "a", sheet())
    assert len(store.turns) == TURNS_KEPT
    assert store.order == sorted(store.turns)
    assert store.bytes == held(store)


def test_a_turn_with_scans_is_never_forgotten_for_being_old() -> None:
    store = ScanStore(1 << 30)
    for turn in range(1, TURNS_KEPT + 20):
        store.add_scan(TokenRef(turn, 0), "a", sheet())
    assert store.oldest("a") == TokenRef(1, 0)


def test_an_old_turn_that_is_heard_of_late_is_kept() -> None:
    store = ScanStore(1 << 30)
    for turn in range(2, TURNS_KEPT + 20):
        store.turn(turn)
    store.add_token(word(1, 0))
    assert store.turns[1].tokens[0].text == "a"


def test_clearing_forgets_everything() -> None:
    store = ScanStore(1 << 20)
    store.add_token(word(1, 0))
    store.add_scan(TokenRef(1, 0), "a", sheet())
    store.history(1, "a", 0, 0)
    store.clear()
    assert (store.bytes, store.newest("a"), store.history(1, "a", 0, 0)) == (0, None, ([], []))


def test_a_history_leaves_out_what_a_scan_has_not() -> None:
    store = ScanStore(1 << 20)
    for token in (0, 2, 5):
        store.add_scan(TokenRef(1, token), "a", sheet(float(token)))
    assert store.history(1, "a", 1, 3) == ([0, 2, 5], [0.0, 2.0, 5.0])
    assert store.history(1, "a", 1, 99) == ([], [])
    assert store.history(1, "a", 9, 0) == ([], [])


def test_a_spread_is_small_however_long_the_turn() -> None:
    store = ScanStore(1 << 24)
    for token in range(100):
        store.add_scan(TokenRef(1, token), "a", sheet(float(token)))
    spread = [sheet.rows[0, 0] for sheet in store.spread(1, "a")]
    assert len(spread) <= 32
    assert spread == sorted(spread)
    assert spread[-1] >= 90
    assert store.spread(9, "a") == []


def test_extremes_span_the_whole_turn_and_pass_over_what_is_no_number() -> None:
    store = ScanStore(1 << 20)
    for value in (2.0, -3.0, 1.0, float("nan")):
        store.add_scan(TokenRef(1, 0), "a", sheet(value))
    assert store.turns[1].extremes["a", 1] == (-3.0, 2.0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 1, 0, 2)])
def test_tokens_are_counted_as_read_or_chosen_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    store = ScanStore(1 << 20)
    for token in order:
        store.add_token(word(1, token, phase="prompt" if token == 0 else "generate"))
    turn = store.turns[1]
    assert (turn.order, turn.read, turn.generated(), turn.length) == ([0, 1, 2], 1, 2, 3)
    assert store.bytes == held(store)


@given(PLACES, st.integers(ONE, 20 * ONE))
def test_runs_hold_just_the_scanned_tokens(scans: Places, budget: int) -> None:
    store = ScanStore(budget)
    for turn, token, site in scans:
        store.add_scan(TokenRef(turn, token), site, sheet())
    for turn in store.scanned_turns("a"):
        firsts, ends = store.turns[turn].sheets["a"].runs.tolist()
        inside = [token for first, end in zip(firsts, ends, strict=True) for token in range(first, end)]
        assert inside == store.moments(turn, "a")
        assert all(end < first for end, first in zip(ends, firsts[1:], strict=False))
