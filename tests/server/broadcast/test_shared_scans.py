import numpy as np
import pytest

from llmri_protocol.arrays import Floats, Rows, array_of, row_stats
from llmri_protocol.messages import ScanDtype, Stats, WishedDtype
from llmri_server.broadcast.shared_scans import SharedScan, choose, fast_row_stats
from llmri_server.runtime import ScanEvent

LAYERS = (0, 1, 2, 3)


def shared(rows: Rows, dtype: ScanDtype = "f32") -> SharedScan:
    return SharedScan(3, 1.5, ScanEvent(7, "generate", "resid_post", LAYERS, dtype, rows))


@pytest.fixture
def rows() -> Floats:
    return np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32)


def test_a_wish_for_everything_copies_nothing(rows: Floats) -> None:
    message = shared(rows).message(LAYERS, "native")
    assert message
    assert np.shares_memory(np.frombuffer(message.data, np.float32), rows)
    assert (message.turn, message.token, message.time, message.shape) == (3, 7, 1.5, (4, 64))


def test_neighbouring_layers_copy_nothing_either(rows: Floats) -> None:
    message = shared(rows).message((1, 2), "native")
    assert message
    assert np.shares_memory(np.frombuffer(message.data, np.float32), rows)
    assert message.layers == (1, 2)
    assert (array_of(message) == rows[1:3]).all()


def test_any_layers_come_with_their_own_statistics(rows: Floats) -> None:
    message = shared(rows).message((0, 3, 9), "f32", stats=True)
    assert message
    assert message.stats
    assert message.layers == (0, 3)
    assert (array_of(message) == rows[[0, 3]]).all()
    assert message.stats.max == (rows[0].max(), rows[3].max())


def test_no_wanted_layer_gives_no_message(rows: Floats) -> None:
    assert shared(rows).message((9,), "native") is None


@pytest.mark.parametrize("wish", ["native", "f32", "f16", "u8"])
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
def test_every_dtype_arrives_as_wished(rows: Floats, dtype: ScanDtype, wish: WishedDtype) -> None:
    encodings: dict[ScanDtype, Rows] = {
        "f32": rows,
        "f16": rows.astype(np.float16),
        "bf16": (rows.view(np.uint32) >> 16).astype(np.uint16),
    }
    message = shared(encodings[dtype], dtype).message(LAYERS, wish)
    assert message
    assert message.dtype == (dtype if wish == "native" else wish)
    steps = (rows.max(axis=1) - rows.min(axis=1)) / 255
    tolerance = steps.max() if wish == "u8" else 0
    assert message
    coarse = {"f32": 2e-3 * (wish == "f16"), "f16": 2e-3, "bf16": 4e-2}[dtype]
    assert np.abs(array_of(message) - rows).max() <= tolerance + coarse


def test_statistics_are_worked_out_once_for_all_viewers(
    rows: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counted(rows: Floats) -> Stats:
        calls.append(1)
        return fast_row_stats(rows)

    monkeypatch.setattr("llmri_server.broadcast.shared_scans.fast_row_stats", counted)
    scan = shared(rows)
    wish: WishedDtype
    for wish in ("native", "f32", "f16"):
        message = scan.message(LAYERS, wish)
        assert message
        assert message.stats is None
    assert calls == []
    for wish in ("native", "f32", "f16", "u8"):
        message = scan.message(LAYERS, wish, stats=True)
        assert message
        assert message.stats == fast_row_stats(rows)
    assert calls == [1]


def test_u8_always_has_the_statistics_without_which_it_means_nothing(rows: Floats) -> None:
    message = shared(rows).message(LAYERS, "u8")
    assert message
    assert message.stats == fast_row_stats(rows)


def test_what_is_too_large_for_f16_comes_as_f32(rows: Floats) -> None:
    rows[2, 5] = 65_520.0  # rounds to infinity
    message = shared(rows).message(LAYERS, "f16")
    assert message
    assert message.dtype == "f32"
    assert (array_of(message) == rows).all()
    message = shared(rows).message((0, 1, 3), "f16")
    assert message
    assert message.dtype == "f16"


def test_an_infinity_that_is_there_stays_one_in_f16(rows: Floats) -> None:
    rows[1, 0], rows[1, 1], rows[1, 2] = np.inf, np.nan, 65_504.0
    message = shared(rows).message(LAYERS, "f16")
    assert message
    assert message.dtype == "f16"
    assert array_of(message)[1, [0, 2]].tolist() == [np.inf, 65_504.0]


def test_whose_pass_it_was_travels_with_the_scan(rows: Floats) -> None:
    event = ScanEvent(7, "generate", "resid_post", LAYERS, "f32", rows)
    scan = SharedScan(3, 1.5, event, revision=4, command=9, recomputed=True)
    message = scan.message(LAYERS, "native")
    assert message
    assert (message.revision, message.command, message.recomputed) == (4, 9, True)


@pytest.mark.parametrize(
    "rows",
    [
        np.random.default_rng(2).normal(3, 2, (5, 100)),
        np.random.default_rng(2).normal(1e4, 1e-2, (5, 100)),
        np.full((2, 50), 3.25),
        np.zeros((2, 50)),
        np.full((2, 50), 3e38),
        np.array([[1.0, np.nan, 3.0], [np.inf, 1.0, -np.inf]]),
        np.random.default_rng(2).normal(0, 1, (2, 9000)),
    ],
    ids=["ordinary", "far from 0", "flat", "zero", "huge", "not finite", "wide"],
)
def test_fast_statistics_agree_with_the_wire_s_own(rows: Floats) -> None:
    rows = rows.astype(np.float32)
    fast, expected = fast_row_stats(rows), row_stats(rows, "f32")
    for name in ("min", "max", "mean", "std"):
        np.testing.assert_allclose(getattr(fast, name), getattr(expected, name), rtol=2e-4, atol=1e-6)


def test_choosing_keeps_the_scan_s_order() -> None:
    assert choose((0, 2, 4), (4, 0)) == ((0, 4), [0, 2])
    assert choose((5,), (0, 5)) == ((5,), slice(0, 1))
