"""Activations as arrays: the dtypes that travel, statistics of rows, and the wishes of a subscriber.

Rows are `[layers, width]`: float32, float16, uint16 holding the bits of bfloat16, or uint8.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from llmri_protocol.errors import LocalProtocolError
from llmri_protocol.messages import (
    Attribution,
    Influence,
    Logits,
    Phase,
    Scan,
    ScanDtype,
    Stats,
    WishedDtype,
)

Rows = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.floating]

STORAGE: dict[ScanDtype, np.dtype[np.generic]] = {
    "f32": np.dtype("<f4"),
    "f16": np.dtype("<f2"),
    "bf16": np.dtype("<u2"),
    "u8": np.dtype("u1"),
}
SIGN, INFINITE = np.uint16(0x8000), 0x7C00  # of the bits of an f16; a NaN's are above
STEPS = 255  # between a row's minimum and its maximum, in u8
SMALLEST_REACH, LARGEST_REACH = 1e-30, 1e38  # from a row's minimum to its maximum, for float32 to do


def scan_message(
    rows: Rows,
    dtype: ScanDtype,
    *,
    turn: int,
    token: int,
    phase: Phase,
    site: str,
    layers: tuple[int, ...],
    time: float,
    wish: WishedDtype = "native",
    stats: Stats | None = None,
    revision: int | None = None,
    command: int | None = None,
    recomputed: bool = False,
) -> Scan:
    """Return the scan of `rows`, `[layers, width]`, as the subscriber wishes it.

    With `wish` native, and for float32 rows wished as f32, the scan's `data` is the memory of `rows`.

    Args:
        rows: The activations; they must not change until the scan is sent.
        dtype: What `rows` holds.
        turn: The turn's number.
        token: The token's number in the turn.
        phase: Whether the token was read or generated.
        site: The site's name.
        layers: Which layer each row is.
        time: Seconds since 1970-01-01 UTC.
        wish: The dtype to send.
        stats: `row_stats(rows, dtype)`, where the scan is to carry it; u8 always does.
        revision: Of the edits of the pass that computed them.
        command: The command that the scan answers; None in the conversation.
        recomputed: Whether they were computed again later.

    Raises:
        LocalProtocolError: The sizes or dtypes do not agree.
    """
    if rows.ndim != 2 or rows.shape[0] != len(layers):  # noqa: PLR2004
        raise LocalProtocolError(
            f"rows of shape {list(rows.shape)} were given for {len(layers)} layers, expected [layers, width]"
        )
    _check_stored(rows, dtype)
    if stats is None and "u8" in (dtype, wish):
        stats = row_stats(rows, dtype)
    sent, sent_dtype = to_wish(rows, dtype, wish, stats)
    return Scan(
        turn=turn,
        token=token,
        phase=phase,
        site=site,
        layers=layers,
        dtype=sent_dtype,
        shape=(rows.shape[0], rows.shape[1]),
        stats=stats,
        time=time,
        revision=revision,
        command=command,
        recomputed=recomputed,
        data=memory_of(sent),
    )


def array_of(message: Scan | Influence | Attribution | Logits) -> Floats:
    """Return a scan's activations as float32, `[layers, width]`; for f32 a view of its data, no copy.

    The same for an influence map's changes, for a piece of logits, `[positions, vocabulary]`, and for an
    attribution's shares, `[width]`.

    Raises:
        LocalProtocolError: A scan in u8 has no statistics.
    """
    if not isinstance(message, Scan):
        measured: Floats = np.frombuffer(message.data, STORAGE["f32"])
        return measured if isinstance(message, Attribution) else measured.reshape(message.shape)
    # Not `np.ndarray(..., buffer)`: it looks through a view to its memory, which then seems free for others.
    stored: Rows = np.frombuffer(message.data, STORAGE[message.dtype]).reshape(message.shape)
    if message.dtype == "u8":
        if message.stats is None:
            raise LocalProtocolError("a scan in u8 means nothing without its statistics; ask with `stats`")
        return _dequantised(stored.view(np.uint8), message.stats)
    return _widened(stored, message.dtype)


def row_stats(rows: Rows, dtype: ScanDtype) -> Stats:
    """Return minimum, maximum, mean and population standard deviation of each row's finite values.

    A row without finite values has zeros.

    Raises:
        LocalProtocolError: The rows are u8, whose values are only known with statistics.
    """
    values = floats(rows, dtype)
    with np.errstate(all="ignore"):
        moments = _moments(values) if values.size else np.zeros((4, len(values)))
        if not np.isfinite(moments).all():
            moments = _finite_moments(values)
    low, high, mean, std = (tuple(moment.tolist()) for moment in moments)
    return Stats(min=low, max=high, mean=mean, std=std)


def to_wish(
    rows: Rows, dtype: ScanDtype, wish: WishedDtype, stats: Stats | None = None
) -> tuple[Rows, ScanDtype]:
    """Return rows as a subscriber wishes them, and what they then hold; the same rows where nothing is to do.

    u8 is `round((x - min) / (max - min) * 255)` with the row's own minimum and maximum, 0 where they
    are equal and for NaN; infinities become the nearest end. Rows of which a finite value is too large for
    f16 stay f32.

    Raises:
        LocalProtocolError: The rows are u8 and something else is wished.
    """
    if wish in {"native", dtype}:
        return rows, dtype
    if wish == "f32":
        return floats(rows, dtype), "f32"
    if wish == "f16":
        return _halved(floats(rows, dtype))
    return _quantised(floats(rows, dtype), stats or row_stats(rows, dtype)), "u8"


def floats(rows: Rows, dtype: ScanDtype) -> Floats:
    """Return rows as float32; the same rows if they are.

    Raises:
        LocalProtocolError: The rows are not stored as `dtype` says, or are u8.
    """
    _check_stored(rows, dtype)
    if dtype == "u8":
        raise LocalProtocolError("u8 rows have no values without their statistics; send them as they are")
    return _widened(rows, dtype)


def memory_of(rows: Rows) -> memoryview:
    """Return the bytes of rows in order; their own memory where it is contiguous."""
    contiguous = np.ascontiguousarray(rows)
    return contiguous.reshape(-1).view(np.uint8).data


def _check_stored(rows: Rows, dtype: ScanDtype) -> None:
    expected = STORAGE[dtype]
    if rows.dtype != expected:
        raise LocalProtocolError(f"rows of {rows.dtype} were given as {dtype}, which is stored as {expected}")


def _widened(stored: Rows, dtype: ScanDtype) -> Floats:
    if dtype == "bf16":
        bits = stored.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)
    if dtype == "f16":
        return _halves().take(stored.view(np.uint16))
    return stored.astype(np.float32, copy=False)


@cache
def _halves() -> Floats:
    """Return all 65,536 float16 values: looking them up takes half the time of numpy's conversion."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


def _moments(values: Floats) -> Wide:
    """Return minimum, maximum, mean and standard deviation of each row, `[4, rows]`, in two passes."""
    mean = values.mean(axis=1)
    centred = values - mean[:, None]
    std = np.sqrt(np.vecdot(centred, centred) / values.shape[1])
    return np.stack((values.min(axis=1), values.max(axis=1), mean, std))


def _finite_moments(values: Floats) -> Wide:
    """Return the same `[4, rows]` of the finite values only, in float64, where squares cannot overflow."""
    moments = np.zeros((4, len(values)))
    for number, row in enumerate(values):
        finite = row[np.isfinite(row)].astype(np.float64)
        if finite.size:
            moments[:, number] = finite.min(), finite.max(), finite.mean(), finite.std()
    return moments


def _halved(values: Floats) -> tuple[Rows, ScanDtype]:
    """Return rows in half precision, or as they are where that would make a number infinite."""
    with np.errstate(all="ignore"):
        halves = values.astype(np.float16)
    # A bit pattern is looked at in a seventh of the time that `isfinite` takes with halves.
    if (halves.view(np.uint16) & ~SIGN).max(initial=0) < INFINITE:
        return halves, "f16"
    fits = np.array_equal(np.isfinite(halves), np.isfinite(values))
    return (halves, "f16") if fits else (values, "f32")


def _quantised(values: Floats, stats: Stats) -> npt.NDArray[np.uint8]:
    low, reach = _low_and_reach(stats)
    scale = np.divide(STEPS, reach, out=np.zeros_like(reach), where=reach > 0)
    with np.errstate(all="ignore"):
        steps = values - low
        steps *= scale
        np.rint(steps, out=steps)
        np.fmin(np.fmax(steps, 0, out=steps), STEPS, out=steps)  # fmax takes the number beside a NaN
    return steps.astype(np.uint8)


def _dequantised(steps: npt.NDArray[np.uint8], stats: Stats) -> Floats:
    low, reach = _low_and_reach(stats)
    with np.errstate(all="ignore"):  # a peer may claim any statistics
        values = steps * (reach / STEPS)
        values += low
        return values.astype(np.float32, copy=False)


def _low_and_reach(stats: Stats) -> tuple[Wide, Wide]:
    """Return each row's minimum and its distance to the maximum, `[rows, 1]` each.

    They are float32, unless a distance would overflow there, or be too small to divide by.
    """
    low, high = np.array(stats.min)[:, None], np.array(stats.max)[:, None]
    with np.errstate(all="ignore"):
        reach = high - low
        tame = (reach == 0) | ((reach > SMALLEST_REACH) & (reach < LARGEST_REACH))
        if tame.all():
            return low.astype(np.float32), reach.astype(np.float32)
    return low, reach
