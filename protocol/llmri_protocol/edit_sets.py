"""A set of edits as a document, in TOML or JSON: text in, text out, and every float to the bit.

In TOML, units and heads are written as spans (`units = "0-23,40"`) and a direction as one text of numbers;
plain arrays are read too. In JSON both are arrays, and an edit is a line.
"""

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import msgspec
import tomli_w
from msgspec import Meta

from llmri_protocol.edits import Edit, Schedule
from llmri_protocol.fields import MOST_NUMBERS, MOST_ROWS, MOST_SITES, MOST_UNITS, Count, Name, Value
from llmri_protocol.plain_words import in_plain_words, place_of
from llmri_protocol.spans import numbers_of, spans
from llmri_protocol.structs import ModelCard

VERSION = 1
MARK = "llmri_edits"  # the key that tells such a document from any other, its value the version
SPANS = ("units", "heads", "positions")
POSITION_KINDS = frozenset({"all", "prompt", "generated", "last"})

Fields = dict[str, Any]


class EditSetError(ValueError):
    """A document can't be used; the sentence names the key and says what was expected."""


class _Budget:
    """How many numbers the spans of one document may still stand for: few letters can mean a million."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def numbers(self, text: str) -> tuple[int, ...]:
        """Write spans out.

        Raises:
            ValueError: That is no list of numbers, or the document has too many.
        """
        if self._left <= 0:
            raise ValueError(f"expected at most {self._most} numbers in all edits together")
        found = numbers_of(text, min(MOST_UNITS, self._left))
        self._left -= len(found)
        return found


class SetSite(Value, frozen=True, kw_only=True):
    """A site that a set edits, as it was where the set was made; `heads` is 0 where units have none."""

    width: Count
    heads: Count = 0


class SetModel(Value, frozen=True, kw_only=True):
    """The model that a set was made on, and the sites that it uses."""

    name: Name
    family: Name
    layers: Count
    sites: Annotated[dict[str, SetSite], Meta(max_length=MOST_SITES)]


class EditSet(Value, frozen=True, kw_only=True):
    """A set of edits with its name, its day, and the model it was made on."""

    name: Name
    made: date
    model: SetModel
    edits: Annotated[tuple[Edit, ...], Meta(max_length=MOST_ROWS)] = ()


def edit_set(edits: Sequence[Edit], card: ModelCard, *, name: str, made: date) -> EditSet:
    """Return the document of edits that stand in a model."""
    used = {edit.site for edit in edits}
    sites = {
        site.name: SetSite(width=site.width, heads=site.heads) for site in card.sites if site.name in used
    }
    model = SetModel(name=card.name, family=card.family, layers=card.layers, sites=sites)
    return EditSet(name=name, made=made, model=model, edits=tuple(edits))


def to_toml(document: EditSet) -> str:
    """Write a set of edits as TOML.

    Raises:
        EditSetError: One of its numbers is not finite.
    """
    _check_finite(document)
    head = {MARK: VERSION, "name": document.name, "made": document.made}
    pieces = [tomli_w.dumps(head), tomli_w.dumps({"model": msgspec.to_builtins(document.model)})]
    for edit in document.edits:
        fields = _written(edit)
        schedule = fields.pop("schedule", None)
        pieces.append("[[edits]]\n" + tomli_w.dumps(_spelled(fields)))
        if schedule is not None:
            pieces.append("[edits.schedule]\n" + tomli_w.dumps(schedule))
    return "\n".join(pieces)


def to_json(document: EditSet) -> str:
    """Write a set of edits as JSON.

    Raises:
        EditSetError: One of its numbers is not finite.
    """
    _check_finite(document)
    head = {MARK: VERSION, "name": document.name, "made": document.made, "model": document.model}
    lines = ",\n".join(msgspec.json.encode(_written(edit)).decode() for edit in document.edits)
    return f'{msgspec.json.encode(head).decode()[:-1]},"edits":[\n{lines}\n]}}\n'


def from_toml(text: str) -> EditSet:
    """Read a set of edits from TOML.

    Raises:
        EditSetError: It is none.
    """
    try:
        return _read(tomllib.loads(text), _parsed)
    except RecursionError:
        raise EditSetError("it is no valid TOML: it is nested too deeply") from None
    except EditSetError:
        raise
    except ValueError as error:  # also what no TOML error says: a number of thousands of digits
        raise EditSetError(f"it is no valid TOML: {str(error).partition(';')[0]}") from None


def from_json(text: str) -> EditSet:
    """Read a set of edits from JSON.

    Raises:
        EditSetError: It is none.
    """
    try:
        return _read(msgspec.json.decode(text), lambda _place, fields, _budget: fields)
    except msgspec.ValidationError as error:
        raise EditSetError(in_plain_words(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise EditSetError(f"it is no valid JSON: {error}") from None


def _read(document: object, parsed: Callable[[str, Fields, _Budget], Fields]) -> EditSet:
    """Take what a file holds for a set of edits; `parsed` undoes the format's own spelling of an edit."""
    if not isinstance(document, dict) or MARK not in document:
        raise EditSetError(f"it is no set of edits: the key `{MARK}` is missing")
    fields = dict(document)
    version = fields.pop(MARK)
    if version != VERSION:
        raise EditSetError(f"`{MARK}` is {version!r}, expected {VERSION}: another version of llmri wrote it")
    edits = fields.get("edits")
    if isinstance(edits, list):
        budget = _Budget(MOST_NUMBERS)
        fields["edits"] = [
            parsed(f"$.edits[{number}]", edit, budget) if isinstance(edit, dict) else edit
            for number, edit in enumerate(edits[: MOST_ROWS + 1])  # one more is refused by its length
        ]
    try:
        read = msgspec.convert(fields, EditSet)
    except msgspec.ValidationError as error:
        raise EditSetError(in_plain_words(error, kind=EditSet)) from None
    _check_finite(read)
    return read


def _written(edit: Edit) -> Fields:
    """Return the fields of an edit that say something: what it is, and what differs from the defaults."""
    fields = _told(edit)
    if edit.operation.valued:
        fields["value"] = edit.value
    return {"site": edit.site, "layer": edit.layer, "op": edit.op} | fields


def _told(part: Edit | Schedule) -> Fields:
    """Return the fields that differ from their defaults, or have none."""
    told: Fields = {}
    for field in msgspec.structs.fields(part):
        value = getattr(part, field.name)
        # JSON tells -0.0 from 0.0, as `==` does not.
        if field.required or msgspec.json.encode(value) != msgspec.json.encode(field.default):
            told[field.name] = _told(value) if isinstance(value, Schedule) else value
    return told


def _spelled(fields: Mapping[str, Any]) -> Fields:
    """Write lists of numbers as TOML has them here."""
    spelled = dict(fields)
    for key in SPANS:
        if isinstance(spelled.get(key), tuple):
            spelled[key] = spans(spelled[key])
    if "direction" in spelled:
        spelled["direction"] = ", ".join(map(repr, spelled["direction"]))
    return spelled


def _parsed(place: str, fields: Fields, budget: _Budget) -> Fields:
    """Read lists of numbers back from what `_spelled` writes."""
    parsed = dict(fields)
    for key in (*SPANS, "direction"):
        text = parsed.get(key)
        if isinstance(text, str) and not (key == "positions" and text in POSITION_KINDS):
            try:
                parsed[key] = (
                    [float(part) for part in text.split(",")] if key == "direction" else budget.numbers(text)
                )
            except ValueError as error:
                raise EditSetError(f"{error} in {place_of(f'{place}.{key}')}") from None
    return parsed


def _check_finite(document: EditSet) -> None:
    for number, edit in enumerate(document.edits):
        if not math.isfinite(edit.value):
            raise EditSetError(
                f"expected a finite number, got {edit.value} in `value` of entry {number + 1} of `edits`"
            )
        if not all(map(math.isfinite, edit.direction)):
            raise EditSetError(
                f"expected finite numbers only in `direction` of entry {number + 1} of `edits`"
            )
