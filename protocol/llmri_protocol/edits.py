"""What an edit is, and a set of them."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta
from msgspec.structs import force_setattr

from llmri_protocol.catalogue import OVERHEAD
from llmri_protocol.fields import (
    MOST_POSITIONS,
    MOST_STANDING,
    MOST_UNITS,
    Baseline,
    Count,
    Exact,
    Layer,
    Name,
    Operation,
    PositionKind,
    Seconds,
    Site,
    Told,
    Unit,
)
from llmri_protocol.operations import ABLATION, OPERATIONS, OperationEntry
from llmri_protocol.plain_values import real, reals, whole, wholes
from llmri_protocol.spans import spans

DOES = ", ".join(f"`{name}` {entry.does}" for name, entry in OPERATIONS.items())
Positions = PositionKind | Annotated[tuple[Count, ...], Meta(min_length=1, max_length=MOST_POSITIONS)]


Unread = Annotated[
    tuple[Name, ...],
    Meta(max_length=MOST_STANDING, description="edits that stand too, which this end cannot read, in words"),
]


class Schedule(Exact, frozen=True, kw_only=True):
    """When in a reply an edit acts; token 0 of a reply is the one decided at the prompt's last position."""

    first: Annotated[Count, Meta(description="the reply's first token that is decided under it")] = 0
    tokens: Annotated[Count | None, Meta(description="for how many tokens; null to the end")] = None
    ramp: Annotated[
        Count, Meta(description="over how many tokens the strength grows in equal steps to its whole")
    ] = 0


class Edit(Exact, frozen=True, kw_only=True):
    """One intervention: what happens to some units of one site in one layer.

    Whole numbers may be numpy's; `units` and `heads` one number, a range, an array, or any iterable.

        Edit(site="mlp_act", layer=3, units=range(40))                   # ablates: scale by 0.0
        Edit(site="mlp_act", layer=3, units=np.argsort(effect)[-20:], op="mean")
        Edit(site="resid_post", layer=5, op="steer", value=2.0, direction=direction)

    Raises:
        TypeError: A field has no such number; the message names it.
    """

    site: Site
    layer: Layer
    units: Annotated[
        tuple[Unit, ...], Meta(max_length=MOST_UNITS, description="unit numbers; `steer` takes them all")
    ] = ()
    heads: Annotated[
        tuple[Count, ...], Meta(max_length=4096, description="heads of `z` by number, in place of units")
    ] = ()
    op: Annotated[
        Operation,
        Meta(description=DOES),
    ] = ABLATION
    value: Annotated[
        float, Meta(description="for `scale`: 0 ablates, 1 changes nothing; `mean` and `resample` take none")
    ] = 0.0
    direction: Annotated[
        tuple[float, ...], Meta(max_length=MOST_UNITS, description="for `steer`: a number for every unit")
    ] = ()
    baseline: Annotated[
        Baseline, Meta(description="what `mean` is over: the `calibration` text or the `conversation` so far")
    ] = "calibration"
    seed: Annotated[Count, Meta(description="of the samples that `resample` draws")] = 0
    positions: Annotated[
        Positions,
        Meta(
            description="`all`, those of the `prompt`, the `generated` ones, the `last` of a pass, or a list "
            "of positions in the conversation, from 0"
        ),
    ] = "all"
    since: Annotated[
        Count | None,
        Meta(description="the first position in the conversation that is edited; null edits from the start"),
    ] = None
    special: Annotated[bool, Meta(description="whether special tokens are edited too")] = True
    schedule: Annotated[Schedule | None, Meta(description="when in a reply it acts; null always")] = None

    @property
    def operation(self) -> OperationEntry:
        """What is said of its operation."""
        return OPERATIONS[self.op]

    def __post_init__(self) -> None:
        force_setattr(self, "layer", whole(self.layer, "layer"))
        force_setattr(self, "units", wholes(self.units, "units"))
        force_setattr(self, "heads", wholes(self.heads, "heads"))
        force_setattr(self, "value", real(self.value, "value"))
        force_setattr(self, "direction", reals(self.direction, "direction"))
        force_setattr(self, "seed", whole(self.seed, "seed"))
        if not isinstance(self.positions, str):
            force_setattr(self, "positions", wholes(self.positions, "positions"))
        if self.since is not None:
            force_setattr(self, "since", whole(self.since, "since"))

    def __repr__(self) -> str:
        whom = [f"units={spans(self.units)!r}"] if self.units else []
        whom += [f"heads={spans(self.heads)!r}"] if self.heads else []
        whom += [f"direction=[{len(self.direction)} numbers]"] if self.direction else []
        amount = [] if not self.operation.valued else [f"value={self.value:g}"]
        rest = [] if self.positions == "all" else [f"positions={self.positions!r}"]
        told = ", ".join([*whom, f"op={self.op!r}", *amount, *rest])
        return f"Edit({self.site!r}, layer={self.layer}, {told})"


class Change(Told, frozen=True, kw_only=True):
    """One change of the edits, as the journal keeps it."""

    revision: Annotated[Count, Meta(description="the revision it led to")]
    time: Seconds
    by: Annotated[Name, Meta(description="the client that made it")]
    what: Annotated[str, Meta(description="what it did, in words")]


def weight_of(edits: Iterable[Edit]) -> int:
    """Estimate the memory that edits hold, in bytes."""
    return sum(OVERHEAD + 9 * (len(edit.units) + len(edit.direction)) for edit in edits)
