import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from llmri_protocol import (
    SERVER_LIMIT,
    FrameReceiver,
    LocalProtocolError,
    Scan,
    ScanDtype,
    WishedDtype,
    array_of,
    decode,
    encode,
    row_stats,
    scan_message,
    to_wish,
)

Rows = npt.NDArray[Any]

FINITE = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
)
ANY = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9))


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def stored(values: Rows, dtype: ScanDtype) -> Rows:
    """Return float32 values as a runtime would hand them over."""
    if dtype == "bf16":
        return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    with np.errstate(all="ignore"):
        return values.astype({"f32": np.float32, "f16": np.float16}[dtype])


def widened(rows: Rows, dtype: ScanDtype) -> Rows:
    """Return the reference: what the bits mean, by the slow way."""
    if dtype == "bf16":
        return (rows.astype(np.uint32) << 16).view(np.float32)
    return rows.astype(np.float32)


def travelled(rows: Rows, dtype: ScanDtype, wish: WishedDtype = "native") -> Scan:
    scan = scan_message(
        rows,
        dtype,
        turn=1,
        token=0,
        phase="prompt",
        site="z",
        layers=tuple(range(len(rows))),
        time=0.0,
        wish=wish,
    )
    decoded = decode(b"".join(encode(scan))[4:], "server")
    assert isinstance(decoded, Scan)
    return decoded


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@given(values=ANY)
def test_native_values_arrive_bit_for_bit(dtype: ScanDtype, values: Rows) -> None:
    rows = stored(values, dtype)
    scan = travelled(rows, dtype)
    assert scan.dtype == dtype
    assert bytes(scan.data) == rows.tobytes()
    np.testing.assert_array_equal(array_of(scan), widened(rows, dtype))


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@given(values=ANY)
def test_values_wished_as_f32_are_the_native_values(dtype: ScanDtype, values: Rows) -> None:
    rows = stored(values, dtype)
    scan = travelled(rows, dtype, "f32")
    assert scan.dtype == "f32"
    np.testing.assert_array_equal(array_of(scan), widened(rows, dtype))


@given(values=FINITE)
def test_u8_is_off_by_half_a_step_at_most(values: Rows) -> None:
    scan = travelled(values, "f32", "u8")
    wide = values.astype(np.float64)
    low, high = wide.min(axis=1, keepdims=True), wide.max(axis=1, keepdims=True)
    rounding = 1e-6 * np.maximum(abs(low), abs(high))
    assert scan.dtype == "u8"
    assert (abs(array_of(scan) - wide) <= (high - low) / 255 * 0.5 + rounding + 1e-44).all()


def test_u8_is_the_formula_of_the_documentation() -> None:
    rows = np.array([[-1.0, 0.0, 3.0], [2.0, 2.0, 2.0]], np.float32)
    quantised, dtype = to_wish(rows, "f32", "u8")
    assert dtype == "u8"
    assert quantised.tolist() == [[0, round(1 / 4 * 255), 255], [0, 0, 0]]


@given(values=ANY)
def test_f16_is_numpys_own_and_f32_where_a_number_would_become_infinite(values: Rows) -> None:
    with np.errstate(all="ignore"):
        halves = values.astype(np.float16)
    fits = (np.isfinite(halves) == np.isfinite(values)).all()
    scan = travelled(values, "f32", "f16")
    assert scan.dtype == ("f16" if fits else "f32")
    np.testing.assert_array_equal(array_of(scan), halves.astype(np.float32) if fits else values)
    assert scan.stats is None


def test_u8_keeps_a_row_with_nan_and_infinities_readable() -> None:
    rows = np.array([[0.0, 1.0, np.nan, np.inf, -np.inf]], np.float32)
    assert to_wish(rows, "f32", "u8")[0].tolist() == [[0, 255, 0, 255, 0]]
    assert array_of(travelled(rows, "f32", "u8")).tolist() == [[0.0, 1.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@given(values=FINITE)
def test_statistics_are_those_of_float64(dtype: ScanDtype, values: Rows) -> None:
    rows = stored(values, dtype)
    if not np.isfinite(widened(rows, dtype)).all():
        rows = stored(np.ones_like(values), dtype)
    wide = widened(rows, dtype).astype(np.float64)
    stats = row_stats(rows, dtype)
    scale = float(abs(wide).max())
    assert stats.min == tuple(wide.min(axis=1))
    assert stats.max == tuple(wide.max(axis=1))
    np.testing.assert_allclose(stats.mean, wide.mean(axis=1), rtol=1e-5, atol=1e-6 * scale + 1e-37)
    np.testing.assert_allclose(stats.std, wide.std(axis=1), rtol=1e-4, atol=1e-5 * scale + 1e-18)


@given(values=ANY)
def test_statistics_are_finite_whatever_the_row_holds(values: Rows) -> None:
    stats = row_stats(values, "f32")
    assert np.isfinite(stats.std).all()
    for row, low, high, mean in zip(values, stats.min, stats.max, stats.mean, strict=True):
        finite = row[np.isfinite(row)].astype(np.float64)
        assert (low, high) == ((finite.min(), finite.max()) if finite.size else (0.0, 0.0))
        assert low - 1e-6 * abs(low) - 1e-37 <= mean <= high + 1e-6 * abs(high) + 1e-37


def test_a_float32_array_is_sent_and_received_without_a_copy() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    scan = scan_message(rows, "f32", turn=1, token=0, phase="prompt", site="z", layers=(0, 1, 2), time=0.0)
    assert np.shares_memory(np.frombuffer(scan.data, np.uint8), rows)
    assert np.shares_memory(array_of(scan), rows)
    assert to_wish(rows, "f32", "f32")[0] is rows


def test_rows_that_are_not_contiguous_arrive_in_order() -> None:
    rows = np.arange(24, dtype=np.float32).reshape(4, 6)[::2, ::3]
    np.testing.assert_array_equal(array_of(travelled(rows, "f32")), rows)


def test_u8_rows_travel_as_they_are_when_their_statistics_are_known() -> None:
    rows = np.array([[0, 255]], np.uint8)
    stats = row_stats(np.array([[-1.0, 1.0]], np.float32), "f32")
    scan = scan_message(
        rows, "u8", turn=1, token=0, phase="prompt", site="z", layers=(0,), time=0.0, stats=stats
    )
    assert array_of(scan).tolist() == [[-1.0, 1.0]]


@pytest.mark.parametrize(
    ("rows", "dtype", "message"),
    [
        (
            np.zeros((2, 3), np.float64),
            "f32",
            "rows of float64 were given as f32, which is stored as float32",
        ),
        (np.zeros((2, 3), np.float32), "bf16", "stored as uint16"),
        (np.zeros((2, 3), np.uint8), "u8", "statistics"),
        (np.zeros((3, 3), np.float32), "f32", "[3, 3] were given for 2 layers"),
        (np.zeros(2, np.float32), "f32", "expected [layers, width]"),
    ],
)
def test_rows_that_are_not_what_they_are_called_are_refused(
    rows: Rows, dtype: ScanDtype, message: str
) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        scan_message(rows, dtype, turn=1, token=0, phase="prompt", site="z", layers=(0, 1), time=0.0)
    assert message in str(caught.value)


def test_arrays_of_scans_stay_as_they_came_however_many_come_after() -> None:
    receiver, kept = FrameReceiver(SERVER_LIMIT), []
    for number in range(8):
        rows = np.full((4, 8192), number, np.float32)
        scan = scan_message(
            rows, "f32", turn=1, token=number, phase="prompt", site="z", layers=(0, 1, 2, 3), time=0.0
        )
        (body,) = receiver.feed(b"".join(bytes(buffer) for buffer in encode(scan)))
        message = decode(body, "server")
        assert isinstance(message, Scan)
        kept.append(array_of(message))
        del body, message
    assert [float(array.min()) for array in kept] == [float(array.max()) for array in kept] == list(range(8))
