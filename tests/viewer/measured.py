"""What a server that thinks nothing answers to measurements: plausible numbers, always the same."""

import math

import numpy as np

from llmri_protocol.messages import (
    Candidate,
    ComparedToken,
    Comparison,
    Edit,
    Influence,
    LensLayer,
    LogitLens,
    MeasureInfluence,
    ModelCard,
    ReadLens,
    Shift,
)


def influence(card: ModelCard, request: MeasureInfluence) -> Influence:
    """Return strong changes where units are ablated, and fading ones in the layers after."""
    width = next(site.width for site in card.sites if site.name == request.site)
    layers = tuple(range(min(edit.layer for edit in request.edits), card.layers))
    changes = np.random.default_rng(width).gamma(1.5, 0.05, (len(layers), width)).astype("<f4")
    changes *= np.linspace(1.5, 0.5, len(layers), dtype="<f4")[:, None]
    changes[0] = 0
    for edit in request.edits:
        changes[edit.layer - layers[0], list(edit.units)] = 1.0
    shifts = [
        Shift(id=n, text=f" w{n}", before=math.log(0.3 / (n + 1)), after=math.log(0.5 / (n + 1)))
        for n in range(10)
    ]
    losses = tuple(Shift(id=s.id + 50, text=f" l{s.id}", before=s.after, after=s.before) for s in shifts)
    return Influence(
        id=request.id, site=request.site, layers=layers, shape=(len(layers), width), positions=42, kl=0.137,
        gains=tuple(shifts), losses=losses, seconds=0.1, data=changes.tobytes(),
    )  # fmt: skip


def comparison(number: int, prompt: str, story: tuple[str, ...], edits: tuple[Edit, ...]) -> Comparison:
    """Return the story, and from its fifth token on another where an edit stands."""
    plain = tuple(ComparedToken(id=index, text=word, logprob=-0.1) for index, word in enumerate(story))
    parted = 5 if edits else None
    edited = plain if parted is None else (
        *plain[:parted],
        *(ComparedToken(id=900 + t.id, text=t.text[::-1], logprob=-1.0) for t in plain[parted:-3]),
    )  # fmt: skip
    kl = tuple(0.0 if parted is None else 0.8 * abs(math.sin(index)) for index in range(len(plain)))
    return Comparison(
        id=number, prompt=prompt, plain=plain, edited=edited, plain_text="".join(t.text for t in plain),
        edited_text="".join(t.text for t in edited), first_difference=parted, kl=kl, seconds=0.1,
    )  # fmt: skip


def lens(card: ModelCard, request: ReadLens) -> LogitLens:
    """Return layers that grow surer of one token, which leads from the middle on."""
    came = Candidate(id=99, text=" fox", logprob=math.log(0.9))
    layers = []
    for layer in range(card.layers):
        share = 0.05 + 0.85 * layer / max(1, card.layers - 1)
        others = [Candidate(id=n, text=f" o{n}", logprob=math.log(0.45 / 2**n)) for n in range(request.most)]
        own = Candidate(id=99, text=" fox", logprob=math.log(share))
        top = sorted([own, *others], key=lambda candidate: -candidate.logprob)
        rank = top.index(own)
        layers.append(
            LensLayer(
                layer=layer, top=tuple(top[: request.most]), entropy=2 * (1 - share), kl=3 * (0.9 - share),
                rank=rank, logprob=own.logprob,
            )
        )  # fmt: skip
    return LogitLens(
        id=request.id, turn=request.turn, token=request.token or 0, positions=42, came=came,
        layers=tuple(layers), seconds=0.1,
    )  # fmt: skip
