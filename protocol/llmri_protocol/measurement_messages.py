"""The messages that ask for a measurement, each beside its result."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from llmri_protocol.catalogue import (
    OVERHEAD,
    Answer,
    ClientEntry,
    Command,
    Mismatch,
    Numbers,
    ServerEntry,
    small,
)
from llmri_protocol.edits import Edit
from llmri_protocol.fields import (
    ITEM_SIZES,
    MOST_CANDIDATES,
    MOST_ROWS,
    MOST_TOKENS,
    AttributionMethod,
    Count,
    Layer,
    Layers,
    Site,
    TurnNumber,
    Unit,
)
from llmri_protocol.spans import spans
from llmri_protocol.structs import Candidate, ComparedToken, LensLayer, Shift


class Progress(Answer, frozen=True, kw_only=True, tag="progress"):
    """How far a measurement of this client's has come."""

    entry = ServerEntry(plain=None, weight=small, check=None)

    done: Annotated[Count, Meta(description="steps done")]
    total: Annotated[Count, Meta(description="steps in all")]
    what: Annotated[str, Meta(description="what is being done, in a few words")]


class MeasureInfluence(Command, frozen=True, kw_only=True, tag="influence"):
    """Measure what edits do to later layers and to the next token, over the conversation so far."""

    entry = ClientEntry(role="controller", answer="influence_map", check=None)

    edits: Annotated[
        tuple[Edit, ...], Meta(min_length=1, max_length=MOST_ROWS, description="what is measured")
    ]
    site: Annotated[Site, Meta(description="where the change is measured")] = "resid_post"
    text: Annotated[str | None, Meta(description="a text to use instead of the conversation")] = None
    turn: Annotated[TurnNumber | None, Meta(description="up to a token of this turn; null takes all")] = None
    token: Annotated[
        Count | None, Meta(description="the last token; null takes the newest that was read")
    ] = None


def _sizes_of_influence(message: "Influence") -> Mismatch | None:
    rows, width = message.shape
    expected = rows * width * ITEM_SIZES["f32"]
    if len(message.data) != expected:
        return Mismatch("data", f"{len(message.data)} bytes", f"{expected} for f32 {rows} x {width}")
    if len(message.layers) != rows:
        return Mismatch("layers", f"{len(message.layers)} layers", f"{rows}, as in `shape`")
    return None


class Influence(Numbers, Answer, frozen=True, kw_only=True, tag="influence_map"):
    """The answer to `influence`, before its `reply`."""

    entry = ServerEntry(plain=None, weight=lambda message: len(message.data), check=_sizes_of_influence)

    site: Site
    layers: Annotated[Layers, Meta(description="which layer each row is")]
    shape: Annotated[tuple[Count, Count], Meta(description="`[layers, width]`")]
    positions: Annotated[Count, Meta(description="length of the context, in tokens")]
    kl: Annotated[float, Meta(description="KL divergence of the next token, from without to with, in nats")]
    gains: Annotated[
        tuple[Shift, ...],
        Meta(max_length=MOST_CANDIDATES, description="the tokens that gain most, most first"),
    ]
    losses: Annotated[
        tuple[Shift, ...],
        Meta(max_length=MOST_CANDIDATES, description="the tokens that lose most, most first"),
    ]
    seconds: Annotated[float, Meta(description="how long it took")]
    data: Annotated[
        bytes,
        Meta(
            description="float32, little-endian: each unit's root mean square change over the positions, in "
            "standard deviations of that unit over the positions without the edits"
        ),
    ]

    def __repr__(self) -> str:
        rows, width = self.shape
        return (
            f"Influence({self.site}, layers {spans(self.layers)}, [{rows}, {width}] in standard deviations, "
            f"over {self.positions} tokens, KL {self.kl:.4g} nats)"
        )


class Attribute(Command, frozen=True, kw_only=True, tag="attribute"):
    """Attribute the next token's logit to all units of one layer, over the conversation so far."""

    entry = ClientEntry(role="controller", answer="attribution", check=None)

    site: Site
    layer: Layer
    target: Annotated[Count | None, Meta(description="token of the logit; null takes the likeliest")] = None
    method: Annotated[
        AttributionMethod, Meta(description="gradient times activation, or integrated gradients")
    ] = "gradient"
    checked: Annotated[
        Annotated[int, Meta(ge=0, le=1024)], Meta(description="units ablated one by one, to check against")
    ] = 24
    text: Annotated[str | None, Meta(description="a text to use instead of the conversation")] = None


def _size_of_attribution(message: "Attribution") -> Mismatch | None:
    size = ITEM_SIZES["f32"]
    if len(message.data) % size:
        return Mismatch("data", f"{len(message.data)} bytes", f"a multiple of {size}")
    return None


class Attribution(Numbers, Answer, frozen=True, kw_only=True, tag="attribution"):
    """The answer to `attribute`, before its `reply`."""

    entry = ServerEntry(plain=None, weight=lambda message: len(message.data), check=_size_of_attribution)

    site: Site
    layer: Layer
    method: Annotated[AttributionMethod, Meta(description="as asked")]
    target: Annotated[Candidate, Meta(description="the token whose logit was attributed")]
    checked: Annotated[
        tuple[Unit, ...],
        Meta(max_length=MOST_CANDIDATES, description="the units that were ablated to check"),
    ]
    effects: Annotated[
        tuple[float, ...],
        Meta(
            max_length=MOST_CANDIDATES, description="by how much the logit fell when each of them was ablated"
        ),
    ]
    pearson: Annotated[
        float | None, Meta(description="correlation of attribution and measured effect; null without one")
    ]
    spearman: Annotated[float | None, Meta(description="the same of their ranks")]
    seconds: Annotated[float, Meta(description="how long it took")]
    data: Annotated[
        bytes, Meta(description="float32, little-endian: each unit's share of the logit, over all positions")
    ]

    def __repr__(self) -> str:
        units = len(self.data) // np.dtype(np.float32).itemsize
        return (
            f"Attribution({self.site} layer {self.layer}, [{units}] shares of the logit of "
            f"{self.target.text!r}, {self.method}, {len(self.checked)} checked by ablation)"
        )


class Compare(Command, frozen=True, kw_only=True, tag="compare"):
    """Reply to one prompt without and with the edits, with the same seed and settings."""

    entry = ClientEntry(role="controller", answer="comparison", check=None)

    prompt: Annotated[str | None, Meta(description="what to reply to; null repeats the last prompt")] = None
    edits: Annotated[
        Annotated[tuple[Edit, ...], Meta(max_length=MOST_ROWS)] | None,
        Meta(description="to compare with none; null takes those that stand"),
    ] = None
    new: Annotated[bool, Meta(description="without the conversation before it")] = False
    most: Annotated[
        Annotated[int, Meta(ge=1, lt=2**20)] | None,
        Meta(description="longest reply in tokens; null as in chat"),
    ] = None


class Comparison(Answer, frozen=True, kw_only=True, tag="comparison"):
    """The answer to `compare`, before its `reply`."""

    entry = ServerEntry(
        plain=None, weight=lambda message: OVERHEAD * (len(message.plain) + len(message.edited)), check=None
    )

    prompt: Annotated[str, Meta(description="what was replied to")]
    plain: Annotated[
        tuple[ComparedToken, ...], Meta(max_length=MOST_TOKENS, description="the reply without the edits")
    ]
    edited: Annotated[
        tuple[ComparedToken, ...], Meta(max_length=MOST_TOKENS, description="the reply with them")
    ]
    plain_text: Annotated[str, Meta(description="the whole reply without the edits")]
    edited_text: Annotated[str, Meta(description="the whole reply with them")]
    first_difference: Annotated[
        Count | None, Meta(description="number of the first token that differs; null where none does")
    ]
    kl: Annotated[
        tuple[float, ...],
        Meta(
            max_length=MOST_TOKENS,
            description="KL divergence in nats at each token of the plain reply, which both read",
        ),
    ]
    seconds: Annotated[float, Meta(description="how long it took")]

    def __repr__(self) -> str:
        return f"Comparison({self.plain_text!r} without the edits, {self.edited_text!r} with them)"


class ReadLens(Command, frozen=True, kw_only=True, tag="logit_lens"):
    """Read from each layer which token it would say next: final norm and unembedding of its output."""

    entry = ClientEntry(role="controller", answer="logit_lens_map", check=None)

    turn: Annotated[TurnNumber | None, Meta(description="null takes the newest")] = None
    token: Annotated[
        Count | None, Meta(description="after which token of the turn; null takes the newest that was read")
    ] = None
    first: Annotated[
        Count | None,
        Meta(
            description="a span: from after this token of the turn on, a `logit_lens_map` a token, in order"
        ),
    ] = None
    most: Annotated[Annotated[int, Meta(ge=1, le=100)], Meta(description="candidates of each layer")] = 5
    text: Annotated[str | None, Meta(description="a text to use instead, read to its end")] = None


class LogitLens(Answer, frozen=True, kw_only=True, tag="logit_lens_map"):
    """The answer to `logit_lens`, before its `reply`."""

    entry = ServerEntry(
        plain=None,
        weight=lambda lens: OVERHEAD * sum(1 + len(layer.top) for layer in lens.layers),
        check=None,
    )

    turn: Annotated[TurnNumber | None, Meta(description="null where a text was read")]
    token: Annotated[Count, Meta(description="the token that was read last, by its number in the turn")]
    positions: Annotated[Count, Meta(description="tokens that were read, in all")]
    came: Annotated[Candidate | None, Meta(description="the token that came next; null where none did")]
    layers: Annotated[
        tuple[LensLayer, ...], Meta(max_length=MOST_ROWS, description="from the first layer to the last")
    ]
    seconds: Annotated[float, Meta(description="how long it took")]

    def __repr__(self) -> str:
        says = ", ".join(f"{layer.layer}: {layer.top[0].text!r}" for layer in self.layers if layer.top)
        return f"LogitLens(after token {self.token}, {says})"
