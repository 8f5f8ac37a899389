"""Which edits of protected units are refused."""

from collections.abc import Sequence

from llmri_protocol.messages import Edit, ModelCard, ProtectedUnit

SMALLEST_FACTOR, LARGEST_FACTOR = 0.95, 1.05
AIMED = 0.5  # share of a direction's squared length

TESTS = {"massive": "massive activation", "loss": "loss when ablated", "list": "listed"}


class ProtectedError(ValueError):
    """An edit ablates a protected unit; the message names it, its evidence, and what passes."""


def refuse_ablations(edits: Sequence[Edit], card: ModelCard, *, force: bool, allowed: bool) -> None:
    """Pass if no edit takes a protected unit away, or if that is forced and allowed.

    What takes a unit away, at whichever positions and times:

    - `scale` by less than 0.95 or more than 1.05;
    - `set`, `resample`, and `add` of anything but 0: the unit's own value is lost, or may be cancelled;
    - `mean`, but for a massive activation, where it always passes;
    - `steer`, where more than half of the direction's squared length lies on protected units: any other
      direction moves the whole site and cancels none of them.

    Args:
        edits: Edits that fit the model, with heads written out as units.
        card: The model, with its protected units.
        force: Whether the client insists.
        allowed: Whether the server lets it.

    Raises:
        ProtectedError: An edit is refused.
    """
    if force and allowed:
        return
    found = refused(edits, card.protected)
    if found:
        raise ProtectedError(_sentence(found, force=force, allowed=allowed))


def may_take_away(edit: Edit) -> bool:
    """Whether an edit would be refused of some units, if they were protected."""
    return edit.value != 0 if edit.operation.aimed else _takes_away(edit)


def refused(edits: Sequence[Edit], protected: Sequence[ProtectedUnit]) -> list[ProtectedUnit]:
    """Return the protected units that edits take away, each once."""
    by_place: dict[tuple[str, int], dict[int, ProtectedUnit]] = {}
    for unit in protected:
        by_place.setdefault((unit.site, unit.layer), {})[unit.unit] = unit
    taken: list[ProtectedUnit] = []
    for edit in edits:
        here = by_place.get((edit.site, edit.layer), {})
        if not here:
            continue
        if edit.operation.aimed:
            taken += here.values() if _is_aimed(edit, here) else ()
        else:
            taken += [here[unit] for unit in edit.units if unit in here and _takes_away(edit, here[unit])]
    return list(dict.fromkeys(taken))


def _takes_away(edit: Edit, unit: ProtectedUnit | None = None) -> bool:
    match edit.operation.harm:
        case "far":
            return not SMALLEST_FACTOR <= edit.value <= LARGEST_FACTOR
        case "any":
            return edit.value != 0
        case "mild":
            return unit is None or unit.test != "massive"
        case _:
            return True


def _is_aimed(edit: Edit, protected: dict[int, ProtectedUnit]) -> bool:
    # In units of the largest number, so that no square is infinite or vanishes.
    largest = max(map(abs, edit.direction), default=0.0) or 1.0
    squares = [(number / largest) ** 2 for number in edit.direction]
    return edit.value != 0 and sum(squares[unit] for unit in protected) > AIMED * sum(squares)


def _sentence(refused: Sequence[ProtectedUnit], *, force: bool, allowed: bool) -> str:
    unit = refused[0]
    others = f" (and {len(refused) - 1:,} more here)" if len(refused) > 1 else ""
    mean = "`mean` is let through, " if unit.test == "massive" else ""
    if allowed:
        way = "or force it with `force`"
    elif force:
        way = "and forcing it needs a server started with --allow-protected"
    else:
        way = "or force it on a server started with --allow-protected"
    return (
        f"unit {unit.unit} of `{unit.site}`, layer {unit.layer} is protected{others} "
        f"({TESTS[unit.test]}: {unit.evidence}): ablating it can break the model; "
        f"{mean}a factor of {SMALLEST_FACTOR} to {LARGEST_FACTOR} passes, {way}"
    )


def standing_in_words(units: Sequence[ProtectedUnit]) -> tuple[str, ...]:
    """Say that edits stand on protected units, if they do."""
    if not units:
        return ()
    first, more = units[0], len(units) - 1
    others = f" and {more:,} more" if more else ""
    return (
        f"edits that stand take protected units away: unit {first.unit} of `{first.site}`, layer "
        f"{first.layer}{others} ({first.evidence}); they stay until somebody removes them",
    )
