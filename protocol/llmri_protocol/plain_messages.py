"""The messages of the plain dialect."""

from typing import Annotated, Literal

from msgspec import Meta

from llmri_protocol.catalogue import (
    ClientEntry,
    PlainClientMessage,
    PlainServerMessage,
    ServerEntry,
    itself,
    small,
)
from llmri_protocol.fields import MOST_UNITS, Count, Layer, Name, Seconds, TurnNumber, Unit, Value


class PlainIntervention(PlainClientMessage, frozen=True, kw_only=True, tag="intervention"):
    """Multiply units; replaces what this client set before."""

    entry = ClientEntry(role="controller", answer="intervention_active", check=None)

    layer: Annotated[Layer | None, Meta(description="block number, from 0; null means every layer")]
    interventions: Annotated[
        dict[Unit, float],
        Meta(
            max_length=MOST_UNITS,
            description="unit number, as a string, to multiplier: 0 ablates, 1 changes nothing",
        ),
    ]


class PlainClearInterventions(PlainClientMessage, frozen=True, kw_only=True, tag="clear_interventions"):
    """Remove every edit."""

    entry = ClientEntry(role="controller", answer="interventions_cleared", check=None)


class PlainPing(PlainClientMessage, frozen=True, kw_only=True, tag="ping"):
    """Ask for a `pong` and nothing else."""

    entry = ClientEntry(role="controller", answer="pong", check=None)


class RowStats(Value, frozen=True, kw_only=True):
    """Statistics of one layer's activations, over the finite values."""

    min: Annotated[float, Meta(description="the least")]
    max: Annotated[float, Meta(description="the greatest")]
    mean: Annotated[float, Meta(description="their mean")]
    std: Annotated[float, Meta(description="population standard deviation")]


class PlainScan(PlainServerMessage, frozen=True, kw_only=True, tag="scan"):
    """The activations of one layer, at one token's position."""

    entry = ServerEntry(plain=itself, weight=small, check=None)

    timestamp: Seconds
    layer: Layer
    turn: TurnNumber
    token: Annotated[Count, Meta(description="its number inside the turn, from 0, prompt included")]
    shape: Annotated[tuple[Count], Meta(description="`[width]`")]
    dtype: Annotated[Literal["float32"], Meta(description="always this")] = "float32"
    activations: Annotated[str, Meta(description="hexadecimal digits of little-endian float32")]
    stats: Annotated[RowStats, Meta(description="statistics of this layer")]


class PlainTurnStart(PlainServerMessage, frozen=True, kw_only=True, tag="turn_start"):
    """A turn begins: somebody said something."""

    entry = ServerEntry(plain=itself, weight=small, check=None)

    timestamp: Seconds
    turn: TurnNumber


class InterventionActive(PlainServerMessage, frozen=True, kw_only=True, tag="intervention_active"):
    """The answer to `intervention`: it applies from the next forward pass on."""

    entry = ServerEntry(plain=itself, weight=small, check=None)

    count: Annotated[Count, Meta(description="units that this client edits now")]
    layer: Annotated[Layer | None, Meta(description="as it was asked; null means every layer")]


class InterventionsCleared(PlainServerMessage, frozen=True, kw_only=True, tag="interventions_cleared"):
    """The answer to `clear_interventions`."""

    entry = ServerEntry(plain=itself, weight=small, check=None)


class Pong(PlainServerMessage, frozen=True, kw_only=True, tag="pong"):
    """The answer to `ping`."""

    entry = ServerEntry(plain=itself, weight=small, check=None)

    timestamp: Seconds


class PlainError(PlainServerMessage, frozen=True, kw_only=True, tag="error"):
    """Something was refused."""

    entry = ServerEntry(plain=itself, weight=small, check=None)

    code: Annotated[Name, Meta(description="a word for programs, such as `bad_field`")]
    message: Annotated[str, Meta(description="a sentence for people")]
