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
from llmri_protocol.fields import MOST_ROWS, Count, Name, Value
from llmri_protocol.spans import numbers_of, spans
from llmri_protocol.structs import ModelCard

VERSION = 1
MARK = "llmri_edits"  # the key that tells such a document from any other, its value the version
SPANS = ("units", "heads", "positions")
POSITION_KINDS = frozenset({"all", "prompt", "generated", "last"})

Fields = dict[str, Any]


class EditSetError(ValueError):
    """A document can't be used; the sentence names the key and says what was expected."""


class SetSite(Value, frozen=True, kw_only=True):
    """A site that a set edits, as it was where the set was made; `heads` is 0 where units have none."""

    width: Count
    heads: Count = 0


class SetModel(Value, frozen=True, kw_only=True):
    """The model that a set was made on, and the sites that it uses."""

    name: Name
    family: Name
    layers: Count
    sites: dict[str, SetSite]


class EditSet(Value, frozen=True, kw_only=True):
    """A set of edits with its name, its day, and the model it was made on."""

    name: Name
    made: date
    model: SetModel
    edits: Annotated[tuple[Edit, ...], Meta(max_length=MOST_ROWS)] = ()


def edit_set(edits: Sequence[Edit], card: ModelCard, *, name: str, made: date) -> EditSet:
    """Give the document of edits that stand in a model."""
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
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise EditSetError(f"it is no valid TOML: {error}") from None


def from_json(text: str) -> EditSet:
    """Read a set of edits from JSON.

    Raises:
        EditSetError: It is none.
    """
    try:
        return _read(msgspec.json.decode(text), lambda _, fields: fields)
    except msgspec.ValidationError as error:
        raise EditSetError(str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise EditSetError(f"it is no valid JSON: {error}") from None


def _read(document: object, parsed: Callable[[str, Fields], Fields]) -> EditSet:
    """Take what a file holds for a set of edits; `parsed` undoes the format's own spelling of an edit."""
    if not isinstance(document, dict) or MARK not in document:
        raise EditSetError(f"it is no set of edits: the key `{MARK}` is missing")
    fields = dict(document)
    version = fields.pop(MARK)
    if version != VERSION:
        raise EditSetError(f"`{MARK}` is {version!r}, expected {VERSION}: another version of llmri wrote it")
    edits = fields.get("edits")
    if isinstance(edits, list):
        fields["edits"] = [
            parsed(f"$.edits[{number}]", edit) if isinstance(edit, dict) else edit
            for number, edit in enumerate(edits)
        ]
    try:
        read = msgspec.convert(fields, EditSet)
    except msgspec.ValidationError as error:
        raise EditSetError(str(error)) from None
    _check_finite(read)
    return read


def _written(edit: Edit) -> Fields:
    """Give the fields of an edit that say something: what it is, and what differs from the defaults."""
    fields = _told(edit)
    if edit.op not in {"mean", "resample"}:
        fields["value"] = edit.value
    return {"site": edit.site, "layer": edit.layer, "op": edit.op} | fields


def _told(part: Edit | Schedule) -> Fields:
    """Give the fields that differ from their defaults, or have none."""
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


def _parsed(place: str, fields: Fields) -> Fields:
    """Read lists of numbers back from what `_spelled` writes."""
    parsed = dict(fields)
    for key in (*SPANS, "direction"):
        text = parsed.get(key)
        if isinstance(text, str) and not (key == "positions" and text in POSITION_KINDS):
            try:
                parsed[key] = (
                    [float(part) for part in text.split(",")] if key == "direction" else numbers_of(text)
                )
            except ValueError as error:
                raise EditSetError(f"{error} - at `{place}.{key}`") from None
    return parsed


def _check_finite(document: EditSet) -> None:
    for number, edit in enumerate(document.edits):
        if not math.isfinite(edit.value):
            raise EditSetError(f"expected a finite number, got {edit.value} - at `$.edits[{number}].value`")
        if not all(map(math.isfinite, edit.direction)):
            raise EditSetError(f"expected finite numbers only - at `$.edits[{number}].direction`")
