"""The messages that open a connection, ask for scans and talk, and what is told of each turn."""

from collections.abc import Iterator
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from llmri_protocol.catalogue import (
    OVERHEAD,
    ClientEntry,
    ClientMessage,
    Command,
    Mismatch,
    Numbers,
    ServerEntry,
    ServerMessage,
)
from llmri_protocol.edits import Edit, Unread, weight_of
from llmri_protocol.fields import (
    ITEM_SIZES,
    MOST_CANDIDATES,
    MOST_SAID,
    MOST_SITES,
    MOST_STANDING,
    CommandId,
    Count,
    EndReason,
    Layers,
    Name,
    Role,
    ScanDtype,
    Seconds,
    Site,
    TokenPhase,
    TurnNumber,
    WishedDtype,
)
from llmri_protocol.plain_messages import PlainScan, PlainTurnStart, RowStats
from llmri_protocol.spans import spans
from llmri_protocol.structs import Candidate, Limits, ModelCard, Said, SamplingWish, Stats


class Hello(ClientMessage, frozen=True, kw_only=True, tag="hello"):
    """The first frame: who is calling."""

    entry = ClientEntry(role="viewer", answer="welcome", check=None, steps={"hello": "welcome"})

    protocol: Annotated[Count, Meta(description="the version the client speaks")]
    client: Annotated[Name, Meta(description="who calls, such as `llmri view 0.1.0`")]
    role: Annotated[Role, Meta(description="a `viewer` looks, a `controller` may also chat and edit")]
    token: Annotated[str | None, Meta(description="the server's access token, where it has one")] = None


class Subscribe(Command, frozen=True, kw_only=True, tag="subscribe"):
    """Say which scans to send; replaces what was asked before."""

    entry = ClientEntry(role="viewer", answer="reply", check=None)

    sites: Annotated[tuple[Site, ...], Meta(max_length=MOST_SITES, description="sites; none ends the scans")]
    layers: Annotated[Layers | None, Meta(description="null means every layer")] = None
    dtype: Annotated[WishedDtype, Meta(description="`u8` scales each row to its min and max")] = "native"
    every: Annotated[int, Meta(ge=1, lt=2**31, description="every n-th token only")] = 1
    prompt_tokens: Annotated[bool, Meta(description="whether prompt positions are wanted")] = True
    stats: Annotated[
        bool, Meta(description="whether scans carry statistics of their rows; as `u8` they always do")
    ] = False


class Saying(Protocol):
    """What brings a text, or the messages of a conversation."""

    @property
    def text(self) -> str | None:
        """The text."""
        ...

    @property
    def messages(self) -> tuple[Said, ...] | None:
        """The messages."""
        ...


def one_of_two(asked: Saying) -> Mismatch | None:
    """Find that neither or both of a text and messages were given, or that the messages are none."""
    if (asked.text is None) == (asked.messages is None):
        both = "neither" if asked.text is None else "both"
        return Mismatch("text", f"{both} of `text` and `messages`", "one of them")
    if asked.messages == ():
        return Mismatch("messages", "no messages", "at least one")
    return None


class Chat(Command, frozen=True, kw_only=True, tag="chat"):
    """Say something to the model; turns queue."""

    entry = ClientEntry(role="controller", answer="reply", check=one_of_two)

    text: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="what is said, after what was said before"),
    ] = None
    messages: Annotated[
        Annotated[tuple[Said, ...], Meta(max_length=MOST_SAID)] | None,
        Meta(description="in place of `text`: a whole conversation, which becomes the present one"),
    ] = None
    new: Annotated[bool, Meta(description="forget the conversation so far first")] = False
    sampling: Annotated[
        SamplingWish | None, Meta(description="how this reply is chosen; null as the server does")
    ] = None
    client: Annotated[
        Name | None, Meta(description="on whose behalf it is said; null takes who said `hello`")
    ] = None


class Stop(Command, frozen=True, kw_only=True, tag="stop"):
    """End a reply, or else the search for protected units; or a measurement of this client's."""

    entry = ClientEntry(role="controller", answer="reply", check=None)

    command: Annotated[
        CommandId | None,
        Meta(description="the measurement to end, such as `influence`; null ends the reply"),
    ] = None


class Welcome(ServerMessage, frozen=True, kw_only=True, tag="welcome"):
    """The answer to `hello`."""

    entry = ServerEntry(
        plain=None, weight=lambda welcome: weight_of(welcome.edits), check=None, steps={"welcome": "open"}
    )

    protocol: Annotated[Count, Meta(description="the version the server speaks")]
    session: Annotated[Name, Meta(description="changes when the server restarts")]
    card: Annotated[ModelCard, Meta(description="what it runs")]
    edits: Annotated[tuple[Edit, ...], Meta(max_length=MOST_STANDING, description="the edits that stand")]
    edit_set: Annotated[Name, Meta(description="what the set of edits is called")] = ""
    unread: Unread = ()
    stale_cache: Annotated[bool, Meta(description="as in `edits`")] = False
    limits: Annotated[Limits, Meta(description="what it takes and sends")]
    answers: Annotated[
        tuple[Name, ...], Meta(max_length=1024, description="the types of the commands that it answers")
    ] = ()
    sampling: Annotated[
        SamplingWish, Meta(description="how it chooses tokens; null is what it does not tell")
    ] = SamplingWish()
    revision: Annotated[Count, Meta(description="of the edits that stand, as in `edits`")] = 0


def _plain_start(start: "TurnStart") -> tuple[PlainTurnStart]:
    return (PlainTurnStart(timestamp=start.time, turn=start.turn),)


class TurnStart(ServerMessage, frozen=True, kw_only=True, tag="turn_start"):
    """A turn begins: somebody said something."""

    entry = ServerEntry(plain=_plain_start, weight=lambda start: len(start.prompt), check=None)

    turn: TurnNumber
    prompt: Annotated[str, Meta(description="what was said")]
    new: Annotated[bool, Meta(description="whether the conversation began anew")] = False
    client: Annotated[Name, Meta(description="who said it; empty where nobody is named")] = ""
    time: Seconds


class Token(ServerMessage, frozen=True, kw_only=True, tag="token"):
    """One token of a turn: read from the prompt, or chosen."""

    entry = ServerEntry(plain=None, weight=lambda token: OVERHEAD * len(token.top), check=None)

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
    revision: Annotated[
        Count | None,
        Meta(description="of the edits of the pass that chose it; null for a token that was read"),
    ] = None
    command: Annotated[
        CommandId | None, Meta(description="the command that it answers; null in the conversation")
    ] = None


def _sizes_of_scan(scan: "Scan") -> Mismatch | None:
    rows, width = scan.shape
    expected = rows * width * ITEM_SIZES[scan.dtype]
    if len(scan.data) != expected:
        return Mismatch("data", f"{len(scan.data)} bytes", f"{expected} for {scan.dtype} {rows} x {width}")
    if len(scan.layers) != rows:
        return Mismatch("layers", f"{len(scan.layers)} layers", f"{rows}, as in `shape`")
    stats = scan.stats
    if stats is None:
        missing = scan.dtype == "u8"
        return Mismatch("stats", "no statistics", "some, since u8 means nothing without") if missing else None
    if not len(stats.min) == len(stats.max) == len(stats.mean) == len(stats.std) == rows:
        counts = {name: len(numbers) for name, numbers in msgspec.structs.asdict(stats).items()}
        name = next(name for name, count in counts.items() if count != rows)
        return Mismatch(f"stats.{name}", f"{counts[name]} numbers", f"{rows}, as in `shape`")
    return None


def _plain_scans(scan: "Scan") -> Iterator[PlainScan]:
    from llmri_protocol.arrays import array_of, memory_of, row_stats  # noqa: PLC0415 - it reads these classes

    values = array_of(scan)
    stats = scan.stats or row_stats(values, "f32")
    rows = zip(scan.layers, values, stats.min, stats.max, stats.mean, stats.std, strict=True)
    for layer, row, low, high, mean, std in rows:
        yield PlainScan(
            timestamp=scan.time,
            layer=layer,
            turn=scan.turn,
            token=scan.token,
            shape=(len(row),),
            activations=memory_of(row).hex(),
            stats=RowStats(min=low, max=high, mean=mean, std=std),
        )


class Scan(Numbers, ServerMessage, frozen=True, kw_only=True, tag="scan"):
    """The activations of some layers at one site, at one token's position."""

    entry = ServerEntry(plain=_plain_scans, weight=lambda scan: len(scan.data), check=_sizes_of_scan)

    turn: TurnNumber
    token: Annotated[Count, Meta(description="the token that stood here as input, by its number in the turn")]
    phase: TokenPhase
    site: Site
    layers: Annotated[Layers, Meta(description="which layer each row is")]
    dtype: Annotated[ScanDtype, Meta(description="what `data` holds")]
    shape: Annotated[tuple[Count, Count], Meta(description="`[layers, width]`")]
    stats: Annotated[
        Stats | None, Meta(description="statistics of each row; null where nobody asked for them")
    ] = None
    time: Seconds
    revision: Annotated[
        Count | None, Meta(description="of the edits of the pass that computed it; null where not known")
    ] = None
    command: Annotated[
        CommandId | None, Meta(description="the command that it answers; null in the conversation")
    ] = None
    recomputed: Annotated[
        bool, Meta(description="whether it was computed again later, not when its token was read")
    ] = False
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


class TurnEnd(ServerMessage, frozen=True, kw_only=True, tag="turn_end"):
    """A turn is over."""

    entry = ServerEntry(plain=None, weight=lambda end: len(end.text), check=None)

    turn: TurnNumber
    reason: Annotated[
        EndReason, Meta(description="`end` of turn, `length` limit, `stopped`, ...", extra={"unknown": "end"})
    ]
    text: Annotated[str, Meta(description="the whole reply")]
    tokens: Annotated[Count, Meta(description="tokens generated")]
    seconds: Annotated[float, Meta(description="how long it took")]


def _unpickled_scan(fields: dict[str, Any]) -> Scan:
    return Scan(**fields | {"data": memoryview(fields["data"])})
