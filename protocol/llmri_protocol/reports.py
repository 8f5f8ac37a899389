"""What a server sends."""

from typing import Annotated, Any, cast

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from llmri_protocol.edits import Change, Edit
from llmri_protocol.fields import (
    MOST_CANDIDATES,
    MOST_CHANGES,
    MOST_ROWS,
    MOST_STANDING,
    MOST_TOKENS,
    AttributionMethod,
    CommandId,
    Count,
    EndReason,
    Layer,
    Layers,
    Level,
    Message,
    Name,
    ScanDtype,
    Seconds,
    Site,
    TokenPhase,
    TurnNumber,
    Unit,
)
from llmri_protocol.parts import Candidate, ComparedToken, LensLayer, Limits, ModelCard, Shift, Stats
from llmri_protocol.spans import spans


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """The answer to `hello`."""

    protocol: Annotated[Count, Meta(description="the version the server speaks")]
    session: Annotated[Name, Meta(description="changes when the server restarts")]
    card: Annotated[ModelCard, Meta(description="what it runs")]
    edits: Annotated[tuple[Edit, ...], Meta(max_length=MOST_STANDING, description="the edits that stand")]
    edit_set: Annotated[Name, Meta(description="what the set of edits is called")] = ""
    stale_cache: Annotated[bool, Meta(description="as in `edits`")] = False
    limits: Annotated[Limits, Meta(description="what it takes and sends")]


class TurnStart(Message, frozen=True, kw_only=True, tag="turn_start"):
    """A turn begins: somebody said something."""

    turn: TurnNumber
    prompt: Annotated[str, Meta(description="what was said")]
    new: Annotated[bool, Meta(description="whether the conversation began anew")] = False
    time: Seconds


class Token(Message, frozen=True, kw_only=True, tag="token"):
    """One token of a turn: read from the prompt, or chosen."""

    turn: TurnNumber
    token: Annotated[Count, Meta(description="its number inside the turn, from 0, prompt included")]
    phase: TokenPhase
    id: Annotated[Count, Meta(description="its number in the vocabulary")]
    text: Annotated[str, Meta(description="its text, with its spaces")]
    logprob: Annotated[float | None, Meta(description="natural logarithm; null in a prompt")] = None
    entropy: Annotated[float | None, Meta(description="of the distribution it came from, in nats")] = None
    top: Annotated[
        tuple[Candidate, ...],
        Meta(max_length=MOST_CANDIDATES, description="the ten likeliest, likeliest first"),
    ] = ()


class Numbers(Message, frozen=True, kw_only=True):
    """A message with an array; `numpy.asarray(message)` is `array_of(message)`, in float32."""

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        from llmri_protocol.arrays import array_of  # noqa: PLC0415 - it reads these classes

        array = array_of(cast("Scan | Influence | Attribution", self))
        wanted = array.dtype if dtype is None else np.dtype(dtype)
        if copy is False and wanted != array.dtype:
            raise ValueError(f"a {type(self).__name__} in {wanted} is a copy; leave copy=False out")
        return array.astype(wanted, copy=bool(copy))


class Scan(Numbers, frozen=True, kw_only=True, tag="scan"):
    """The activations of some layers at one site, at one token's position."""

    turn: TurnNumber
    token: Annotated[Count, Meta(description="the token that stood here as input, by its number in the turn")]
    phase: TokenPhase
    site: Site
    layers: Annotated[Layers, Meta(description="which layer each row is")]
    dtype: Annotated[ScanDtype, Meta(description="what `data` holds")]
    shape: Annotated[tuple[Count, Count], Meta(description="`[layers, width]`")]
    stats: Annotated[Stats, Meta(description="statistics of each row")]
    time: Seconds
    data: Annotated[memoryview, Meta(description="rows in order, little-endian; always the last entry")]

    def __repr__(self) -> str:
        rows, width = self.shape
        return (
            f"Scan(turn {self.turn}, token {self.token}, {self.phase}, {self.site}, "
            f"layers {spans(self.layers)}, [{rows}, {width}] {self.dtype})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return _unpickled_scan, (fields | {"data": bytes(self.data)},)


class TurnEnd(Message, frozen=True, kw_only=True, tag="turn_end"):
    """A turn is over."""

    turn: TurnNumber
    reason: Annotated[EndReason, Meta(description="`end` of turn, `length` limit, `stopped`, ...")]
    text: Annotated[str, Meta(description="the whole reply")]
    tokens: Annotated[Count, Meta(description="tokens generated")]
    seconds: Annotated[float, Meta(description="how long it took")]


class Edits(Message, frozen=True, kw_only=True, tag="edits"):
    """The edits that now stand, sent to everybody after every change."""

    edits: Annotated[tuple[Edit, ...], Meta(max_length=MOST_STANDING, description="all that stand, in order")]
    revision: Annotated[Count, Meta(description="grows with every change")]
    undoable: Annotated[Count, Meta(description="changes that can be undone")]
    redoable: Annotated[Count, Meta(description="changes that can be made again")]
    by: Annotated[Name, Meta(description="the client that changed them")]
    name: Annotated[Name, Meta(description="what the set is called")] = ""
    stale_cache: Annotated[
        bool,
        Meta(description="whether kept keys and values come from other edits; `re_prefill` cures it"),
    ] = False


class Reply(Message, frozen=True, kw_only=True, tag="reply"):
    """The command with this id was carried out."""

    id: CommandId
    turn: Annotated[Count | None, Meta(description="for `chat`: the number its turn has")] = None
    time: Seconds


class Error(Message, frozen=True, kw_only=True, tag="error"):
    """Something was refused; without an id it concerns the connection."""

    code: Annotated[Name, Meta(description="a word for programs, such as `bad_field`")]
    message: Annotated[str, Meta(description="a sentence for people")]
    id: Annotated[Count | None, Meta(description="the command that was refused")] = None


class Notice(Message, frozen=True, kw_only=True, tag="notice"):
    """Something worth telling: scans dropped, a context trimmed."""

    level: Annotated[Level, Meta(description="how much it matters")]
    message: Annotated[str, Meta(description="a sentence for people")]
    dropped: Annotated[Count, Meta(description="scans dropped for this client so far")] = 0


class Bye(Message, frozen=True, kw_only=True, tag="bye"):
    """The server ends the connection on purpose."""

    reason: Annotated[str, Meta(description="a sentence for people")]


class EditHistory(Message, frozen=True, kw_only=True, tag="journal"):
    """The answer to `show_journal`, before its `reply`."""

    id: CommandId
    changes: Annotated[
        tuple[Change, ...],
        Meta(max_length=MOST_CHANGES, description="oldest first, at most the last thousand"),
    ]


class Progress(Message, frozen=True, kw_only=True, tag="progress"):
    """How far a measurement of this client's has come."""

    id: CommandId
    done: Annotated[Count, Meta(description="steps done")]
    total: Annotated[Count, Meta(description="steps in all")]
    what: Annotated[str, Meta(description="what is being done, in a few words")]


class Influence(Numbers, frozen=True, kw_only=True, tag="influence_map"):
    """The answer to `influence`, before its `reply`."""

    id: CommandId
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


class Attribution(Numbers, frozen=True, kw_only=True, tag="attribution"):
    """The answer to `attribute`, before its `reply`."""

    id: CommandId
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


class Comparison(Message, frozen=True, kw_only=True, tag="comparison"):
    """The answer to `compare`, before its `reply`."""

    id: CommandId
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


class LogitLens(Message, frozen=True, kw_only=True, tag="logit_lens_map"):
    """The answer to `logit_lens`, before its `reply`."""

    id: CommandId
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


def _unpickled_scan(fields: dict[str, Any]) -> Scan:
    return Scan(**fields | {"data": memoryview(fields["data"])})
