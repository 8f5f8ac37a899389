"""One reply through `model.generate`, and its tokens as they come."""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import (
    DynamicCache,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer

from llmri_protocol.messages import Candidate
from llmri_server.runtime import NonFiniteError, Sampling, Sink, TokenEvent
from llmri_server.runtimes.common.turn_request import ReplyText
from llmri_server.torch_runtime.text import TokenText, Vocabulary

CANDIDATES = 10


@dataclass(frozen=True)
class Reply:
    """A generated reply: its tokens, and its text without special tokens."""

    ids: list[int]
    text: str


class Distribution(LogitsProcessor):
    """Remembers the model's own next-token distribution, before temperature and cuts change it."""

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002  # the library's signature
        """Look at the raw logits `[1, vocabulary]` and hand them on.

        Raises:
            NonFiniteError: A logit is infinite or not a number, so that no token can be chosen.
        """
        logprobs = torch.log_softmax(scores[0], dim=-1)
        entropy = torch.special.entr(logprobs.exp()).sum()
        best = logprobs.topk(min(CANDIDATES, logprobs.shape[0]))
        self._logprobs = logprobs
        self._entropy, *self._best = torch.cat([entropy[None], best.values]).tolist()
        if math.isnan(self._entropy):  # a logit is not a number, or infinite
            raise NonFiniteError("the logits are infinite or not a number")
        self._ids = best.indices
        return scores

    def describe(self, token: int, vocabulary: Vocabulary) -> tuple[float, float, tuple[Candidate, ...]]:
        """Return the token's logprob, the entropy in nats, and the likeliest candidates."""
        pairs = list(zip(self._ids.tolist(), self._best, strict=True))
        chosen = next((logprob for number, logprob in pairs if number == token), None)
        if chosen is None:
            chosen = self._logprobs[token].item()
        top = tuple(Candidate(id=number, text=vocabulary.text_of(number), logprob=lp) for number, lp in pairs)
        return chosen, self._entropy, top


class Announcer(BaseStreamer):
    """Tells of every token as it is chosen: `heard` first, then the sink; and collects the reply."""

    def __init__(
        self,
        sink: Sink,
        vocabulary: Vocabulary,
        distribution: Distribution,
        *,
        first: int,
        heard: Callable[[int], None] = lambda _token: None,
        revision: Callable[[], int] = lambda: 0,
        stops: Sequence[str] = (),
    ) -> None:
        self._sink = sink
        self._heard = heard
        self._revision = revision
        self._vocabulary = vocabulary
        self._distribution = distribution
        self._first = first
        self._decoder: TokenText = vocabulary.start()
        self._prompt_seen = False
        self._reply = ReplyText(stops)
        self.ids: list[int] = []

    @property
    def text(self) -> str:
        """The reply so far, without special tokens, and before the text that ended it."""
        return self._reply.text

    @property
    def stopped(self) -> bool:
        """Whether a text that ends a reply has come."""
        return self._reply.ended

    def put(self, value: Tensor) -> None:
        """Take what `generate` streams: the prompt first, which is known, then a token at a time."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        token = int(value)
        text = self._decoder.add(token)
        logprob, entropy, top = self._distribution.describe(token, self._vocabulary)
        number = self._first + len(self.ids)
        self.ids.append(token)
        self._heard(token)
        if token not in self._vocabulary.special:
            self._reply.add(text)
        self._sink.token(TokenEvent(number, "generate", token, text, logprob, entropy, top, self._revision()))

    def end(self) -> None:
        """The end needs nothing: `generate` returns."""


class StopWhenSet(StoppingCriteria):
    """Ends the reply once the event is set, or a text has come that ends it."""

    def __init__(self, stop: threading.Event, announcer: Announcer, device: torch.device) -> None:
        self._stop = stop
        self._announcer = announcer
        self._answers = {answer: torch.tensor([answer], device=device) for answer in (False, True)}

    def __call__(self, input_ids: Tensor, scores: object, **kwargs: object) -> Tensor:  # noqa: ARG002
        """Answer for the one sequence there is."""
        return self._answers[self._stop.is_set() or self._announcer.stopped]


def announce_prompt(sink: Sink, vocabulary: Vocabulary, ids: list[int], known: int) -> None:
    """Tell the sink of the prompt's tokens, except the first ones, which are known from before."""
    decoder = vocabulary.start()
    texts = [decoder.add(token) for token in ids]
    for number, (token, text) in enumerate(zip(ids[known:], texts[known:], strict=True)):
        sink.token(TokenEvent(number, "prompt", token, text))


def reply_to(
    *,
    model: PreTrainedModel,
    prompt: list[int],
    cache: DynamicCache | None,
    sampling: Sampling,
    limit: int,
    announcer: Announcer,
    distribution: Distribution,
    stop: threading.Event,
) -> Reply:
    """Generate at most `limit` tokens after the prompt; the cache holds its beginning and grows.

    Without one the library makes what the model wants.
    """
    given = {} if cache is None else {"past_key_values": cache}
    ids = torch.tensor([prompt], device=model.device)
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(sampling.seed)
        model.generate(  # type: ignore[operator]  # the library's types hide that it is a method
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=generation_config(sampling, limit),
            **given,
            logits_processor=LogitsProcessorList([distribution]),
            stopping_criteria=StoppingCriteriaList([StopWhenSet(stop, announcer, model.device)]),
            streamer=announcer,
        )
    return Reply(announcer.ids, announcer.text)


def generation_config(sampling: Sampling, limit: int) -> GenerationConfig:
    """The library's settings for ours; what is left out, such as end tokens, the model's own fill in."""
    if sampling.temperature <= 0:
        return GenerationConfig(max_new_tokens=limit, do_sample=False)  # type: ignore[no-untyped-call]
    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=limit,
        do_sample=True,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
    )
