"""What messages are made of."""

from typing import Annotated

import msgspec
from msgspec import Meta

from llmri_protocol.fields import (
    LONGEST_REASON,
    MOST_CANDIDATES,
    MOST_SITES,
    MOST_STANDING,
    MOST_STOPS,
    Count,
    Layer,
    Name,
    PerRow,
    ProtectionTest,
    SaidBy,
    ScanDtype,
    Site,
    Told,
    Unit,
    Value,
)


class SiteCard(Told, frozen=True, kw_only=True):
    """A site the model has."""

    name: Site
    width: Annotated[Count, Meta(description="units in a layer")]
    editable: Annotated[bool, Meta(description="whether `intervene` may name it")]
    unit: Annotated[Name, Meta(description="what one unit is, such as `MLP neuron`")]
    heads: Annotated[Count, Meta(description="heads that the units divide into; 0 where they do not")] = 0


class ProtectedUnit(Told, frozen=True, kw_only=True):
    """A unit whose ablation breaks the model."""

    site: Site
    layer: Layer
    unit: Unit
    test: Annotated[
        ProtectionTest,
        Meta(description="`massive` activation, `loss` when ablated, or a configured `list`"),
    ] = "list"
    evidence: Annotated[str, Meta(description="what was measured, with its numbers")]


class ModelCard(Told, frozen=True, kw_only=True):
    """What the server runs."""

    name: Annotated[Name, Meta(description="the model's name")]
    runtime: Annotated[Name, Meta(description="`torch` or another runtime's name")]
    family: Annotated[Name, Meta(description="the architecture, such as `llama`")]
    layers: Annotated[Count, Meta(description="blocks")]
    hidden_size: Annotated[Count, Meta(description="width of the residual stream")]
    heads: Annotated[Count, Meta(description="attention heads in a block")]
    vocabulary: Annotated[Count, Meta(description="tokens it knows")]
    context: Annotated[Count, Meta(description="the longest sequence, in tokens")]
    dtype: Annotated[ScanDtype, Meta(description="dtype of `native` scans", extra={"unknown": "f32"})]
    device: Annotated[Name, Meta(description="where it runs, such as `cpu`")]
    chat: Annotated[bool, Meta(description="whether a chat template is used")]
    sites: Annotated[
        tuple[SiteCard, ...], Meta(max_length=MOST_SITES, description="sites found in this model")
    ]
    absent: Annotated[
        tuple[Site, ...], Meta(max_length=MOST_SITES, description="sites not found in this model")
    ] = ()
    reasons: Annotated[
        dict[Site, Annotated[str, Meta(max_length=LONGEST_REASON)]],
        Meta(max_length=MOST_SITES, description="why each absent site is absent, a sentence each"),
    ] = msgspec.field(default_factory=dict)
    about: Annotated[
        str, Meta(max_length=1 << 14, description="what the model is good for; empty where nobody said")
    ] = ""
    protected: Annotated[
        tuple[ProtectedUnit, ...],
        Meta(max_length=MOST_STANDING, description="units that are only edited by force"),
    ] = ()
    attributable: Annotated[bool, Meta(description="whether `attribute` can be answered")] = False
    lens: Annotated[bool, Meta(description="whether `logit_lens` can be answered")] = False
    default_site: Annotated[Site, Meta(description="the site to show first")] = "resid_post"
    default_layer: Annotated[Layer, Meta(description="the layer to show first")] = 0


class Limits(Told, frozen=True, kw_only=True):
    """The server's limits, in bytes and messages."""

    client_frame: Annotated[Count, Meta(description="longest body a client may send, in bytes")]
    server_frame: Annotated[Count, Meta(description="longest body the server sends, in bytes")]
    queue: Annotated[Count, Meta(description="scans kept for a slow client before the oldest go")]
    prompt_positions: Annotated[Count, Meta(description="last positions of a prompt that are scanned")]
    answer_bytes: Annotated[
        Count, Meta(description="scans and logits in answers that may wait unread, in bytes; 0: not said")
    ] = 0


class Said(Value, frozen=True, kw_only=True):
    """One message of a conversation."""

    role: Annotated[SaidBy, Meta(description="who says it")]
    content: Annotated[str, Meta(description="what is said")]


class SamplingWish(Value, frozen=True, kw_only=True):
    """How tokens are chosen; what is null is as the server has it."""

    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=100)] | None, Meta(description="0 takes the likeliest")
    ] = None
    top_p: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="of the likeliest tokens that have this probability together; 1 of all"),
    ] = None
    top_k: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="of so many likeliest; 0 of all")
    ] = None
    seed: Annotated[Annotated[int, Meta(ge=0, lt=2**62)] | None, Meta(description="of the draws")] = None
    most: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="longest reply, in tokens")] = None
    stop: Annotated[
        Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=MOST_STOPS)]
        | None,
        Meta(description="texts that end a reply; none of them is part of it"),
    ] = None


class Candidate(Told, frozen=True, kw_only=True):
    """A token the model might have chosen."""

    id: Annotated[Count, Meta(description="its number in the vocabulary")]
    text: Annotated[str, Meta(description="its text")]
    logprob: Annotated[float, Meta(description="natural logarithm of its probability")]


class Stats(Told, frozen=True, kw_only=True):
    """Statistics of each row of a scan, over its finite values, taken before any quantising."""

    min: Annotated[PerRow, Meta(description="the least of each row")]
    max: Annotated[PerRow, Meta(description="the greatest of each row")]
    mean: Annotated[PerRow, Meta(description="their mean")]
    std: Annotated[PerRow, Meta(description="population standard deviation")]


class Shift(Told, frozen=True, kw_only=True):
    """A token whose probability an edit changes."""

    id: Annotated[Count, Meta(description="its number in the vocabulary")]
    text: Annotated[str, Meta(description="its text")]
    before: Annotated[float, Meta(description="natural logarithm of its probability without the edits")]
    after: Annotated[float, Meta(description="with them")]


class ComparedToken(Told, frozen=True, kw_only=True):
    """A token of one of two compared replies."""

    id: Annotated[Count, Meta(description="its number in the vocabulary")]
    text: Annotated[str, Meta(description="its text")]
    logprob: Annotated[float, Meta(description="natural logarithm of its probability where it was chosen")]


class LensLayer(Told, frozen=True, kw_only=True):
    """What one layer would say next."""

    layer: Layer
    top: Annotated[
        tuple[Candidate, ...],
        Meta(max_length=MOST_CANDIDATES, description="its likeliest tokens, likeliest first"),
    ]
    entropy: Annotated[float, Meta(description="of its distribution, in nats")]
    kl: Annotated[float, Meta(description="KL divergence from the last layer's distribution to it, in nats")]
    rank: Annotated[
        Count | None, Meta(description="place of the token that came, from 0; null where none came yet")
    ] = None
    logprob: Annotated[float | None, Meta(description="natural logarithm of its probability")] = None
