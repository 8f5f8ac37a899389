"""A model of Hugging Face transformers as a runtime."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from llmri_protocol.messages import Edit, ModelCard
from llmri_server.edits import check
from llmri_server.runtime import CapturePlan, ChatMessage, Outcome, Sampling, Sink
from llmri_server.torch_runtime.architectures import SiteName
from llmri_server.torch_runtime.generation import (
    Announcer,
    Distribution,
    announce_prompt,
    end_reason,
    reply_to,
)
from llmri_server.torch_runtime.instruments import Clock, Instruments
from llmri_server.torch_runtime.prefix_cache import PrefixCache
from llmri_server.torch_runtime.prompts import PromptWriter
from llmri_server.torch_runtime.recording import Recording
from llmri_server.torch_runtime.scans import ScanWriter
from llmri_server.torch_runtime.taps import Site
from llmri_server.torch_runtime.text import Vocabulary


class TorchRuntime:
    """A decoder-only model that can be watched and edited while it speaks.

    `model` and `tokenizer` are the library's own objects, for experiments: a direct call of the model
    feels the edits inside `hooked()` and is recorded inside `record()`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        card: ModelCard,
        sites: Mapping[SiteName, Site],
        ends: frozenset[int],
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.card = card
        self._sites: Mapping[str, Site] = {str(name): site for name, site in sites.items()}
        self._ends = ends
        self._plan = CapturePlan()
        self._instruments = Instruments(model, sites, model.device)
        self._prompts = PromptWriter(tokenizer)
        self._vocabulary = Vocabulary(tokenizer)
        self._memory = PrefixCache(model.config)

    def check_edits(self, edits: Sequence[Edit]) -> None:
        """Raise `EditError` for the first edit that does not fit; change nothing."""
        check(edits, self.card)

    def apply_edits(self, edits: Sequence[Edit]) -> None:
        """Make these the edits of every forward pass from the next on."""
        self._instruments.edit(edits)

    def capture(self, plan: CapturePlan) -> None:
        """Make this the capture plan from the next pass on; `prompt_positions` from the next turn on.

        Raises:
            ValueError: The plan names a site or a layer that is not there.
        """
        self._instruments.capture(plan.sites)
        self._plan = plan

    def generate(
        self, conversation: Sequence[ChatMessage], sampling: Sampling, sink: Sink, stop: threading.Event
    ) -> Outcome:
        """Generate the reply to the conversation's last message, until done or `stop` is set.

        A conversation's first turn is computed anew; later turns reuse the keys and values of earlier ones,
        which keep the edits they were computed under.

        Old exchanges are left out where the context is too short; with no room at all the reply is empty
        and ends for `context`.
        """
        context = self.card.context
        room = min(sampling.max_new_tokens, context // 4)
        prompt = self._prompts.write(conversation, context, room)
        limit = min(sampling.max_new_tokens, context - len(prompt.ids))
        if limit <= 0 or stop.is_set():
            reason = end_reason([], self._ends, stop.is_set(), sampling.max_new_tokens > 0)
            return Outcome("", 0, reason, prompt.trimmed)

        if _begins(conversation):
            self._memory.forget()
        cache, known = self._memory.take(prompt.ids)
        announce_prompt(sink, self._vocabulary, prompt.ids, known)
        new = len(prompt.ids) - known
        distribution = Distribution()
        announcer = Announcer(sink, self._vocabulary, distribution, first=new)
        with self._instruments.attached(ScanWriter(sink, new, self._plan.prompt_positions)):
            reply = reply_to(
                model=self.model,
                prompt=prompt.ids,
                cache=cache,
                sampling=sampling,
                limit=limit,
                announcer=announcer,
                distribution=distribution,
                stop=stop,
            )
        self._memory.keep(cache, prompt.ids + reply.ids)
        reason = end_reason(reply.ids, self._ends, stop.is_set(), limit < sampling.max_new_tokens)
        return Outcome(reply.text, len(reply.ids), reason, prompt.trimmed)

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Let direct calls of `model` and `model.generate` inside feel the applied edits."""
        with self._instruments.attached(recorded=()):
            yield

    @contextmanager
    def record(self, site: str, layers: Sequence[int] | None = None) -> Iterator[Recording]:
        """Record a site in direct calls of `model` inside, by default in every layer; edits are felt too.

        Raises:
            ValueError: The site or a layer is not there.
        """
        chosen = tuple(range(self.card.layers) if layers is None else layers)
        width = self._sites[site].width if site in self._sites else 0
        recording = Recording(site, chosen, width)
        with self._instruments.attached(recording, recorded=((site, chosen),)):
            yield recording

    @contextmanager
    def timed(self) -> Iterator[Clock]:
        """Measure the time spent in hooks and in handing scans over, of everything inside."""
        with self._instruments.timed() as clock:
            yield clock


def _begins(conversation: Sequence[ChatMessage]) -> bool:
    """Whether nothing was answered yet."""
    return not any(message["role"] == "assistant" for message in conversation)
