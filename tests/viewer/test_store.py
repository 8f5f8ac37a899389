import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol.messages import Token
from llmri_viewer.store import TURNS_KEPT, Moment, ScanStore, Sheet


def sheet(value: float = 0.0, layers: int = 2, width: int = 4) -> Sheet:
    return Sheet(tuple(range(layers)), np.full((layers, width), value, np.float32))


def held(store: ScanStore) -> int:
    return sum(
        s.rows.nbytes for t in store.turns.values() for site in t.sheets.values() for s in site.values()
    )


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 30), st.sampled_from("ab")), max_size=120),
    st.integers(32, 500),
)
def test_scans_never_outgrow_the_budget_and_the_newest_stays(
    scans: list[tuple[int, int, str]], budget: int
) -> None:
    store = ScanStore(budget)
    for turn, token, site in scans:
        store.add_scan(Moment(turn, token), site, sheet())
        assert store.bytes == held(store) <= max(budget, 32)
        assert store.sheet(Moment(turn, token), site) is not None


def test_the_oldest_scan_goes_first() -> None:
    store = ScanStore(3 * sheet().rows.nbytes)
    for token in range(5):
        store.add_scan(Moment(1, token), "a", sheet())
    assert store.moments(1, "a") == [2, 3, 4]


def test_old_turns_are_forgotten_with_their_bytes() -> None:
    store = ScanStore(1 << 20)
    for turn in range(1, TURNS_KEPT + 3):
        store.add_scan(Moment(turn, 0), "a", sheet())
    assert len(store.turns) == TURNS_KEPT
    assert store.bytes == held(store)


def test_stepping_goes_on_into_the_neighbouring_turn_and_stops_at_the_ends() -> None:
    store = ScanStore(1 << 20)
    for moment in (Moment(1, 3), Moment(1, 7), Moment(3, 0)):
        store.add_scan(moment, "a", sheet())
    assert store.step(Moment(1, 7), "a", 1) == Moment(3, 0)
    assert store.step(Moment(3, 0), "a", -1) == Moment(1, 7)
    assert store.step(Moment(1, 3), "a", -1) is None
    assert store.step(Moment(3, 0), "a", 1) is None


def test_a_history_holds_a_units_value_at_each_scanned_token() -> None:
    store = ScanStore(1 << 20)
    for token in (0, 2, 5):
        store.add_scan(Moment(1, token), "a", sheet(float(token)))
    assert store.history(1, "a", 1, 3) == ([0, 2, 5], [0.0, 2.0, 5.0])
    assert store.history(1, "a", 1, 99) == ([], [])
    assert store.history(1, "a", 9, 0) == ([], [])


def test_a_spread_is_small_however_long_the_turn() -> None:
    store = ScanStore(1 << 24)
    for token in range(100):
        store.add_scan(Moment(1, token), "a", sheet(float(token)))
    spread = [sheet.rows[0, 0] for sheet in store.spread(1, "a")]
    assert len(spread) <= 32
    assert spread == sorted(spread)
    assert spread[-1] >= 90
    assert store.spread(9, "a") == []


def test_extremes_span_the_whole_turn() -> None:
    store = ScanStore(1 << 20)
    for value in (2.0, -3.0, 1.0):
        store.add_scan(Moment(1, int(value + 3)), "a", sheet(value))
    assert store.turns[1].extremes["a", 1] == (-3.0, 2.0)


def test_tokens_are_counted_as_read_or_chosen() -> None:
    store = ScanStore(1 << 20)
    store.add_token(Token(turn=1, token=0, phase="prompt", id=1, text="a"))
    store.add_token(Token(turn=1, token=1, phase="generate", id=1, text="b"))
    assert store.turns[1].generated() == 1
