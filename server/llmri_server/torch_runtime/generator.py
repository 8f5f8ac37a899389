"""Turns: from a conversation to its reply."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from transformers import PreTrainedModel

from llmri_server.runtime import NonFiniteError, StoppedError, TurnOutcome
from llmri_server.runtimes.common.turn_request import BrokenError, TurnRequest, end_reason
from llmri_server.torch_runtime.generation import (
    Announcer,
    Distribution,
    announce_prompt,
    reply_to,
)
from llmri_server.torch_runtime.hook_manager import HookManager
from llmri_server.torch_runtime.prefix_cache import PrefixCache
from llmri_server.torch_runtime.prompts import PromptWriter
from llmri_server.torch_runtime.text import Vocabulary

Attach = Callable[[int, int], AbstractContextManager[None]]  # of the new positions and of all the prompt's


class Generator:
    """Holds turns with a model."""

    def __init__(
        self,
        model: PreTrainedModel,
        instruments: HookManager,
        prompts: PromptWriter,
        vocabulary: Vocabulary,
        *,
        context: int,
        ends: frozenset[int],
    ) -> None:
        self._model = model
        self._instruments = instruments
        self._prompts = prompts
        self._vocabulary = vocabulary
        self._context = context
        self._ends = ends

    def hold(self, turn: TurnRequest, memory: PrefixCache, attach: Attach) -> TurnOutcome:
        """Hold one turn on what the memory keeps, with the instruments that `attach` gives for it.

        Raises:
            BrokenError: The logits became infinite or not a number.
            PromptError: The conversation cannot be written.
        """
        sampling, stop = turn.sampling, turn.stop
        room = min(sampling.max_new_tokens, self._context // 4)
        try:
            prompt = self._prompts.write(turn.conversation, self._context, room, stop)
        except StoppedError:
            return TurnOutcome("", 0, "stopped")
        limit = min(sampling.max_new_tokens, self._context - len(prompt.ids))
        full = limit < sampling.max_new_tokens
        if limit <= 0 or stop.is_set():
            reason = end_reason([], self._ends, stopped=stop.is_set(), full=full)
            return TurnOutcome("", 0, reason, prompt.trimmed)
        if turn.begins:
            memory.forget()
        try:
            ids, text, ended = self._reply(turn, prompt.ids, limit, memory, attach)
        except BaseException:
            memory.forget()
            raise
        reason = end_reason(ids, self._ends, ended=ended, stopped=stop.is_set(), full=full)
        return TurnOutcome(text, len(ids), reason, prompt.trimmed, anew=not (turn.begins or memory.goes_on))

    def _reply(
        self, turn: TurnRequest, prompt: list[int], limit: int, memory: PrefixCache, attach: Attach
    ) -> tuple[list[int], str, bool]:
        """Return the reply's tokens, its text, and whether that ended it; what was computed is kept."""
        cache, known = memory.take(prompt)
        announce_prompt(turn.sink, self._vocabulary, prompt, known)
        self._instruments.converse(prompt)
        new = len(prompt) - known
        distribution = Distribution()
        announcer = Announcer(
            turn.sink,
            self._vocabulary,
            distribution,
            first=new,
            heard=memory.read,
            revision=lambda: self._instruments.applied.revision,
            stops=turn.sampling.stop,
        )
        try:
            with attach(new, len(prompt)):
                reply = reply_to(
                    model=self._model,
                    prompt=prompt,
                    cache=cache,
                    sampling=turn.sampling,
                    limit=limit,
                    announcer=announcer,
                    distribution=distribution,
                    stop=turn.stop,
                )
        except NonFiniteError:
            raise BrokenError([*prompt, *announcer.ids], len(prompt)) from None
        memory.keep(cache, prompt + reply.ids)
        return reply.ids, reply.text, announcer.stopped
