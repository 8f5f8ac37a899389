"""The operations of edits: what each takes, what it does, and how that is told.

This is the one place that lists them. A runtime's steps give each its arithmetic; documents, checks, words
and pages read this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Operation = Literal["scale", "add", "set", "mean", "resample", "steer"]
UnitOperation = Literal["scale", "add", "set", "mean", "resample"]  # of single units
Amount = Literal["factor", "sum", "value", "name", "dose"]
Harm = Literal["far", "any", "mild", "always", "aimed"]


@dataclass(frozen=True, kw_only=True)
class OperationEntry:
    """What is said of an operation.

    Attributes:
        does: What it does, as a part of a sentence; fields in backticks.
        valued: Whether it takes `value`.
        neutral: The value that changes nothing; None where each changes something.
        aimed: Whether it moves all units of a site along a `direction`, in place of some units.
        sampled: Whether it puts in what units do when nothing is edited.
        averaged: Whether that is a mean, which may be over the conversation.
        own: The field that it alone has beside `value`; empty where it has none.
        amount: How its number is told: a factor, a sum with its sign, the value itself, its name alone, or
            its name with the number.
        harm: When it takes a protected unit away: far from the factor 1, with any value, unless the unit is
            a massive activation, always, or where its direction is aimed at the unit.
    """

    does: str
    valued: bool = True
    neutral: float | None = None
    aimed: bool = False
    sampled: bool = False
    averaged: bool = False
    own: str = ""
    amount: Amount = "name"
    harm: Harm = "always"


OPERATIONS: Mapping[Operation, OperationEntry] = MappingProxyType(
    {
        "scale": OperationEntry(does="multiplies by `value`", neutral=1.0, amount="factor", harm="far"),
        "add": OperationEntry(does="adds it", neutral=0.0, amount="sum", harm="any"),
        "set": OperationEntry(does="sets it", amount="value"),
        "mean": OperationEntry(
            does="puts the unit's mean over the `baseline`",
            valued=False,
            sampled=True,
            averaged=True,
            own="baseline",
            harm="mild",
        ),
        "resample": OperationEntry(
            does="its value in another sample", valued=False, sampled=True, own="seed"
        ),
        "steer": OperationEntry(
            does="adds `value` times `direction`",
            neutral=0.0,
            aimed=True,
            own="direction",
            amount="dose",
            harm="aimed",
        ),
    }
)
ABLATION: Final = "scale"  # with the value 0, an edit's own default
MEAN_ABLATION: Final = "mean"
UNIT_OPERATIONS = tuple(name for name, entry in OPERATIONS.items() if not entry.aimed)
DOSED = tuple(name for name in UNIT_OPERATIONS if OPERATIONS[name].valued)
SAMPLED = tuple(name for name in UNIT_OPERATIONS if OPERATIONS[name].sampled)
AIMED = tuple(name for name, entry in OPERATIONS.items() if entry.aimed)
