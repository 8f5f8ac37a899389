"""What a client sends."""

from typing import Annotated

from msgspec import Meta

from llmri_protocol.edits import Edit
from llmri_protocol.fields import (
    MOST_ROWS,
    MOST_SITES,
    AttributionMethod,
    CommandId,
    Count,
    Layer,
    Layers,
    Message,
    Name,
    Role,
    Site,
    TurnNumber,
    WishedDtype,
)


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """The first frame: who is calling."""

    protocol: Annotated[Count, Meta(description="the version the client speaks")]
    client: Annotated[Name, Meta(description="who calls, such as `llmri view 0.1.0`")]
    role: Annotated[Role, Meta(description="a `viewer` looks, a `controller` may also chat and edit")]
    token: Annotated[str | None, Meta(description="the server's access token, where it has one")] = None


class Subscribe(Message, frozen=True, kw_only=True, tag="subscribe"):
    """Say which scans to send; replaces what was asked before."""

    id: CommandId
    sites: Annotated[tuple[Site, ...], Meta(max_length=MOST_SITES, description="sites; none ends the scans")]
    layers: Annotated[Layers | None, Meta(description="null means every layer")] = None
    dtype: Annotated[WishedDtype, Meta(description="`u8` scales each row to its min and max")] = "native"
    every: Annotated[int, Meta(ge=1, lt=2**31, description="every n-th token only")] = 1
    prompt_tokens: Annotated[bool, Meta(description="whether prompt positions are wanted")] = True


class Chat(Message, frozen=True, kw_only=True, tag="chat"):
    """Say something to the model; turns queue."""

    id: CommandId
    text: Annotated[str, Meta(min_length=1, description="what is said")]
    new: Annotated[bool, Meta(description="forget the conversation so far first")] = False


class Stop(Message, frozen=True, kw_only=True, tag="stop"):
    """End a reply, or else the search for protected units; or a measurement of this client's."""

    id: CommandId
    command: Annotated[
        CommandId | None,
        Meta(description="the measurement to end, such as `influence`; null ends the reply"),
    ] = None


class Intervene(Message, frozen=True, kw_only=True, tag="intervene"):
    """Add edits, all of them or none; a unit's later edit replaces its earlier one."""

    id: CommandId
    edits: Annotated[tuple[Edit, ...], Meta(max_length=MOST_ROWS, description="in order")]
    force: Annotated[bool, Meta(description="edit protected units too, where the server allows it")] = False
    replace: Annotated[bool, Meta(description="let these be all the edits that stand, in one change")] = False
    name: Annotated[Name | None, Meta(description="what the set is called from now on; null keeps it")] = None
    since_now: Annotated[
        bool, Meta(description="edit only positions that the model has not computed yet")
    ] = False


class Undo(Message, frozen=True, kw_only=True, tag="undo"):
    """Take back the last change of the edits."""

    id: CommandId


class Redo(Message, frozen=True, kw_only=True, tag="redo"):
    """Make the change again that was taken back last."""

    id: CommandId


class ClearInterventions(Message, frozen=True, kw_only=True, tag="clear_interventions"):
    """Remove every edit."""

    id: CommandId


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    """Ask for a reply and nothing else."""

    id: CommandId


class ShowJournal(Message, frozen=True, kw_only=True, tag="show_journal"):
    """Ask who changed the edits, how and when."""

    id: CommandId


class RePrefill(Message, frozen=True, kw_only=True, tag="re_prefill"):
    """Compute the conversation's keys and values anew, under the edits that stand."""

    id: CommandId


class MeasureInfluence(Message, frozen=True, kw_only=True, tag="influence"):
    """Measure what edits do to later layers and to the next token, over the conversation so far."""

    id: CommandId
    edits: Annotated[
        tuple[Edit, ...], Meta(min_length=1, max_length=MOST_ROWS, description="what is measured")
    ]
    site: Annotated[Site, Meta(description="where the change is measured")] = "resid_post"
    text: Annotated[str | None, Meta(description="a text to use instead of the conversation")] = None
    turn: Annotated[TurnNumber | None, Meta(description="up to a token of this turn; null takes all")] = None
    token: Annotated[
        Count | None, Meta(description="the last token; null takes the newest that was read")
    ] = None


class Attribute(Message, frozen=True, kw_only=True, tag="attribute"):
    """Attribute the next token's logit to all units of one layer, over the conversation so far."""

    id: CommandId
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


class Compare(Message, frozen=True, kw_only=True, tag="compare"):
    """Reply to one prompt without and with the edits, with the same seed and settings."""

    id: CommandId
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


class ReadLens(Message, frozen=True, kw_only=True, tag="logit_lens"):
    """Read from each layer which token it would say next: final norm and unembedding of its output."""

    id: CommandId
    turn: Annotated[TurnNumber | None, Meta(description="null takes the newest")] = None
    token: Annotated[
        Count | None, Meta(description="after which token of the turn; null takes the newest that was read")
    ] = None
    most: Annotated[Annotated[int, Meta(ge=1, le=100)], Meta(description="candidates of each layer")] = 5
    text: Annotated[str | None, Meta(description="a text to use instead, read to its end")] = None
