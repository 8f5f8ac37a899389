"""Sets of edits and their history as tables for a terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from llmri_protocol.edits import Change, Edit
from llmri_protocol.printable import printable
from llmri_protocol.spans import spans

UNITS_SHOWN = 40  # characters of a list of units


def edits_table(edits: Sequence[Edit]) -> Table:
    """Return a table of edits, in order."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "layer"):
        table.add_column(heading, justify="right")
    for heading in ("site", "units", "operation", "where and when"):
        table.add_column(heading)
    for number, edit in enumerate(edits, start=1):
        cells = (str(number), str(edit.layer), edit.site, whom(edit), deed(edit), when(edit))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def journal_table(changes: Sequence[Change]) -> Table:
    """Return a table of changes, oldest first, in local time."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", justify="right")
    for heading in ("when", "who", "what"):
        table.add_column(heading)
    for change in changes:
        time = datetime.fromtimestamp(change.time).astimezone().isoformat(" ", "seconds")
        cells = (str(change.revision), time, change.by, change.what)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def whom(edit: Edit) -> str:
    """Say what an edit acts on: its units as spans, its heads, or all units."""
    if edit.operation.aimed:
        return "all"
    heads = f"heads {spans(edit.heads)}" if edit.heads else ""
    units = spans(edit.units)
    if len(units) > UNITS_SHOWN:
        units = f"{units[: UNITS_SHOWN - 1]}… ({len(edit.units)})"
    return ", ".join(part for part in (units, heads) if part)


def deed(edit: Edit) -> str:
    """Say what an edit does: its operation, and the operation's own number."""
    operation = edit.operation
    if operation.valued:
        return f"{edit.op} {edit.value:g}"
    own = getattr(edit, operation.own)
    return f"{edit.op} of the {own}" if isinstance(own, str) else f"{edit.op}, {operation.own} {own}"


def when(edit: Edit) -> str:
    """Say where and when an edit acts."""
    listed = "" if isinstance(edit.positions, str) else spans(edit.positions)
    parts = [f"positions {listed}" if listed else f"{edit.positions}"]
    if edit.since is not None:
        parts.append(f"from position {edit.since} on")
    if not edit.special:
        parts.append("no special tokens")
    if edit.schedule is not None:
        last = "" if edit.schedule.tokens is None else f" for {edit.schedule.tokens}"
        ramp = f", ramp of {edit.schedule.ramp}" if edit.schedule.ramp else ""
        parts.append(f"reply tokens from {edit.schedule.first}{last}{ramp}")
    return ", ".join(parts)
