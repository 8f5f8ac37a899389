"""The messages that ask for scans, tokens and logits beside the conversation, each beside what answers it."""

from typing import Annotated, Any

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
from llmri_protocol.conversation_messages import one_of_two
from llmri_protocol.edits import Edit
from llmri_protocol.fields import (
    ITEM_SIZES,
    MOST_CANDIDATES,
    MOST_POSITIONS,
    MOST_ROWS,
    MOST_SAID,
    MOST_SITES,
    Count,
    Layers,
    Site,
    TurnNumber,
    WishedDtype,
)
from llmri_protocol.structs import Candidate, Said


def _text_or_messages(asked: "ScanText") -> Mismatch | None:
    if asked.raw and asked.messages is not None:
        return Mismatch("raw", "`raw` messages", "`raw` with a `text` only")
    return one_of_two(asked)


class ScanText(Command, frozen=True, kw_only=True, tag="scan_text"):
    """Read a text beside the conversation: its tokens and scans, and no reply."""

    entry = ClientEntry(role="controller", answer="scanned_text", check=_text_or_messages, optional=True)

    text: Annotated[Annotated[str, Meta(min_length=1)] | None, Meta(description="what is read")] = None
    messages: Annotated[
        Annotated[tuple[Said, ...], Meta(max_length=MOST_SAID)] | None,
        Meta(description="in place of `text`: a whole conversation"),
    ] = None
    raw: Annotated[
        bool, Meta(description="read the text as it is; otherwise as what a user says, in the chat template")
    ] = False
    sites: Annotated[tuple[Site, ...], Meta(max_length=MOST_SITES, description="whose scans are sent")] = ()
    layers: Annotated[Layers | None, Meta(description="null means every layer")] = None
    positions: Annotated[
        Annotated[tuple[Count, ...], Meta(max_length=MOST_POSITIONS)] | None,
        Meta(description="which tokens' scans, from 0; null means all, however many"),
    ] = None
    dtype: Annotated[WishedDtype, Meta(description="as in `subscribe`")] = "native"
    stats: Annotated[bool, Meta(description="as in `subscribe`")] = False
    top: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_CANDIDATES)] | None,
        Meta(description="how many candidates each token is told with; null as in a conversation"),
    ] = None
    logits: Annotated[bool, Meta(description="send whole logits too, in pieces")] = False
    edits: Annotated[
        Annotated[tuple[Edit, ...], Meta(max_length=MOST_ROWS)] | None,
        Meta(description="under these edits alone; null takes those that stand"),
    ] = None


def _sizes_of_logits(message: "Logits") -> Mismatch | None:
    rows, width = message.shape
    expected = rows * width * ITEM_SIZES["f32"]
    if len(message.data) != expected:
        return Mismatch("data", f"{len(message.data)} bytes", f"{expected} for f32 {rows} x {width}")
    return None


class Logits(Numbers, Answer, frozen=True, kw_only=True, tag="logits"):
    """A piece of the logits that a `scan_text` asked for; the pieces come in order."""

    entry = ServerEntry(plain=None, weight=lambda message: len(message.data), check=_sizes_of_logits)

    first: Annotated[
        Count, Meta(description="the token whose row is first: row i tells what follows token i")
    ]
    shape: Annotated[tuple[Count, Count], Meta(description="`[positions, vocabulary]`")]
    data: Annotated[memoryview, Meta(description="float32, little-endian; always the last entry")]

    def __repr__(self) -> str:
        rows, width = self.shape
        return f"Logits(after tokens {self.first} to {self.first + rows - 1}, [{rows}, {width}])"

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return _unpickled_logits, (fields | {"data": bytes(self.data)},)


class ScannedText(Answer, frozen=True, kw_only=True, tag="scanned_text"):
    """The answer to `scan_text`, after its tokens, scans and logits and before its `reply`."""

    entry = ServerEntry(plain=None, weight=lambda message: OVERHEAD * len(message.next), check=None)

    tokens: Annotated[Count, Meta(description="how many were read")]
    revision: Annotated[
        Count | None, Meta(description="of the edits that stood; null where the command brought its own")
    ] = None
    next: Annotated[
        tuple[Candidate, ...],
        Meta(max_length=MOST_CANDIDATES, description="what would come next, likeliest first"),
    ] = ()
    seconds: Annotated[float, Meta(description="how long it took")]


class ReplaySite(Command, frozen=True, kw_only=True, tag="replay_site"):
    """Compute scans of an earlier turn again at a site, each position under the edits that stood then."""

    entry = ClientEntry(role="controller", answer="replayed_site", check=None, optional=True)

    turn: TurnNumber
    site: Site
    layers: Annotated[Layers | None, Meta(description="null means every layer")] = None
    first: Annotated[Count | None, Meta(description="the first token; null takes the turn's first")] = None
    last: Annotated[Count | None, Meta(description="the last token; null takes the last that was read")] = (
        None
    )
    dtype: Annotated[WishedDtype, Meta(description="as in `subscribe`")] = "native"
    stats: Annotated[bool, Meta(description="as in `subscribe`")] = False


class ReplayedSite(Answer, frozen=True, kw_only=True, tag="replayed_site"):
    """The answer to `replay_site`, after its scans and before its `reply`."""

    entry = ServerEntry(plain=None, weight=small, check=None)

    turn: TurnNumber
    site: Site
    tokens: Annotated[Count, Meta(description="how many scans were sent")]
    seconds: Annotated[float, Meta(description="how long it took")]


def _unpickled_logits(fields: dict[str, Any]) -> Logits:
    return Logits(**fields | {"data": memoryview(fields["data"])})
