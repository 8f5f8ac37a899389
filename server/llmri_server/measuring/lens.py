"""What each layer would say next, were its output the last one (nostalgebraist 2020, "the logit lens")."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from llmri_protocol.messages import Candidate, Edit, LensLayer
from llmri_server.measuring.distributions import Logprobs, divergence, logprobs
from llmri_server.measuring.progress import Progress, Steps
from llmri_server.measuring.reading import as_if_generated
from llmri_server.runtime import LensRuntime, Runtime
from llmri_server.service.transcript import TokenPosition


@dataclass(frozen=True)
class Lens:
    """What every layer would say after one token, and the token that came next, if one did."""

    token: int
    positions: int
    layers: tuple[LensLayer, ...]
    came: Candidate | None


def logit_lens(
    runtime: LensRuntime,
    place: TokenPosition,
    edits: Sequence[Edit],
    most: int,
    *,
    first: int | None = None,
    progress: Progress,
    stop: threading.Event,
) -> Iterator[Lens]:
    """Yield what every layer says from a token of the place's turn on up to the place, under these edits.

    Args:
        runtime: The model.
        place: The last token.
        edits: The edits.
        most: Candidates of each layer.
        first: The first token, as `place.token` counts; None reads the last alone.
        progress: Hears of each.
        stop: Ends it, once set.

    Raises:
        StoppedError: `stop` was set.
        NonFiniteError: A logit is infinite or not a number.
    """
    count = 1 if first is None else place.token - first + 1
    start = len(place.ids) - count
    steps = Steps(count, progress, stop)
    steps.begin(f"reading {runtime.card.layers} layers")
    prompt = len(place.ids) if place.prompt is None else place.prompt
    reading = tuple(as_if_generated(edit, prompt) for edit in edits)
    for number, logits in enumerate(runtime.lenses(place.ids, start, reading, prompt=place.prompt)):
        position = start + number
        came = place.ids[position + 1] if position + 1 < len(place.ids) else place.came
        distributions = logprobs(logits)
        steps.end()
        yield Lens(
            place.token - count + 1 + number,
            position + 1,
            _layers(runtime, distributions, came, most),
            None if came is None else _candidate(runtime, came, distributions[-1]),
        )
        if number + 1 < count:
            steps.begin(f"reading {runtime.card.layers} layers")


def _layers(runtime: Runtime, distributions: Logprobs, came: int | None, most: int) -> tuple[LensLayer, ...]:
    divergences = divergence(distributions[-1], distributions)
    return tuple(
        LensLayer(
            layer=number,
            top=_likeliest(runtime, each, most),
            entropy=float(-(np.exp(each) * each).sum()),
            kl=float(divergences[number]),
            rank=None if came is None else int((each > each[came]).sum()),
            logprob=None if came is None else float(each[came]),
        )
        for number, each in enumerate(distributions)
    )


def _likeliest(runtime: Runtime, distribution: Logprobs, most: int) -> tuple[Candidate, ...]:
    order = np.argsort(-distribution, kind="stable")[:most]
    return tuple(_candidate(runtime, int(token), distribution) for token in order)


def _candidate(runtime: Runtime, token: int, distribution: Logprobs) -> Candidate:
    return Candidate(id=token, text=runtime.text_of(token), logprob=float(distribution[token]))
