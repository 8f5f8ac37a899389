"""How sizes and moments of sessions are said."""

from datetime import UTC, datetime

UNITS = ("bytes", "kB", "MB", "GB", "TB")
STEP = 1000


def size(count: float) -> str:
    """Return bytes in words, such as `1.3 MB`."""
    unit = 0
    while count >= STEP and unit < len(UNITS) - 1:
        count /= STEP
        unit += 1
    return f"{count:.0f} {UNITS[unit]}" if unit == 0 else f"{count:.1f} {UNITS[unit]}"


def moment(seconds: float) -> str:
    """Return a time in words, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
