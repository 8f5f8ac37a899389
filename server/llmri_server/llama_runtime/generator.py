"""Turns: from a conversation to its reply."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from llmri_protocol.messages import Edit, Phase
from llmri_server.edits.baselines import Baselines
from llmri_server.llama_runtime.interventions import Compiled, Compiler
from llmri_server.llama_runtime.interventions.gates import Floats
from llmri_server.llama_runtime.prefix_cache import Memory
from llmri_server.llama_runtime.sampling import Distribution, Sampler, sampler
from llmri_server.llama_runtime.sequence_reading import chunks
from llmri_server.llama_runtime.vocabulary import PromptWriter, Vocabulary
from llmri_server.pass_runs import Applied
from llmri_server.runtime import (
    CapturePlan,
    NonFiniteError,
    ScanEvent,
    SiteLayers,
    StoppedError,
    TokenEvent,
    TurnOutcome,
)
from llmri_server.runtimes.common.turn_request import BrokenError, ReplyText, TurnRequest, end_reason


class Direction(Protocol):
    """Directs a turn; belongs to the model's thread."""

    def converse(self, ids: Sequence[int]) -> None:
        """Learn which conversation means are over, where edits ask for it."""
        ...

    def applied(self) -> Compiled:
        """Return the edits of the next pass."""
        ...

    @property
    def plan(self) -> CapturePlan:
        """What is scanned."""
        ...


class Standing:
    """The edits and the plan that stand; other threads may replace both at any time, as one value each."""

    def __init__(self, compiler: Compiler, baselines: Baselines[Floats]) -> None:
        self._compiler = compiler
        self._baselines = baselines
        self._compiled: Compiled | None = Compiled()
        self.now = Applied()
        self.plan = CapturePlan()

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits that stand."""
        return self.now.edits

    def converse(self, ids: Sequence[int]) -> None:
        """Make this the conversation; what stands is compiled anew where that changes it."""
        self._baselines.converse(ids)
        if any(edit.operation.averaged and edit.baseline == "conversation" for edit in self.edits):
            self._compiled = None

    def applied(self) -> Compiled:
        """Return what stands; the same tuple of edits is compiled once."""
        edits, revision = self.now
        if self._compiled is None or self._compiled.edits is not edits:
            self._compiled = self._compiler.compile(edits, revision)
        if self._compiled.revision != revision:
            self._compiled = replace(self._compiled, revision=revision)
        return self._compiled


class Alone:
    """Some edits, whatever stands, and no scans."""

    def __init__(self, edits: Sequence[Edit], compiler: Compiler, baselines: Baselines[Floats]) -> None:
        self._edits = tuple(edits)
        self._compiler = compiler
        self._baselines = baselines
        self._compiled = Compiled()
        self.plan = CapturePlan()

    def converse(self, ids: Sequence[int]) -> None:
        """Make this the conversation, and compile the edits over it."""
        self._baselines.converse(ids)
        self._compiled = self._compiler.compile(self._edits)

    def applied(self) -> Compiled:
        """Return the edits."""
        return self._compiled


class Generator:
    """Holds turns with a model of so long a context."""

    def __init__(self, prompts: PromptWriter, vocabulary: Vocabulary, context: int) -> None:
        self._prompts = prompts
        self._vocabulary = vocabulary
        self._context = context

    def hold(self, turn: TurnRequest, memory: Memory, direction: Direction) -> TurnOutcome:
        """Hold one turn on what the memory keeps.

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
            reason = end_reason([], self._vocabulary.ends, stopped=stop.is_set(), full=full)
            return TurnOutcome("", 0, reason, prompt.trimmed)
        if turn.begins:
            memory.forget()
        reply = _Reply(turn, prompt.ids, memory, direction, self._vocabulary)
        try:
            reply.generate(limit)
        except NonFiniteError:
            memory.forget()
            raise BrokenError([*prompt.ids, *reply.ids], len(prompt.ids)) from None
        except BaseException:
            memory.forget()
            raise
        memory.settle()
        reason = end_reason(
            reply.ids, self._vocabulary.ends, ended=reply.ended, stopped=stop.is_set(), full=full
        )
        anew = not (turn.begins or memory.goes_on)
        return TurnOutcome(reply.text, len(reply.ids), reason, prompt.trimmed, anew=anew)


class _Reply:
    """One reply as it grows.

    Attributes:
        ids: Its tokens.
    """

    def __init__(
        self,
        turn: TurnRequest,
        prompt: list[int],
        memory: Memory,
        direction: Direction,
        vocabulary: Vocabulary,
    ) -> None:
        self._turn = turn
        self._prompt = prompt
        self._memory = memory
        self._direction = direction
        self._vocabulary = vocabulary
        self._decoder = vocabulary.start()
        self._reply = ReplyText(turn.sampling.stop)
        self._known = 0
        self._revision = 0
        self.ids: list[int] = []

    @property
    def text(self) -> str:
        """What was said, without special tokens, and before the text that ended it."""
        return self._reply.text

    @property
    def ended(self) -> bool:
        """Whether a text ended it."""
        return self._reply.ended

    def generate(self, limit: int) -> None:
        """Read the prompt, then choose at most `limit` tokens and read all but the last.

        Raises:
            NonFiniteError: The logits became infinite or not a number.
        """
        self._direction.converse(self._prompt)  # which may measure in the context that a replay then takes
        self._known = self._memory.take(self._prompt)
        self._announce_prompt()
        logits = self._read_prompt()
        with sampler(self._memory.watch.context, self._turn.sampling) as chain:
            while logits is not None:
                token = self._choose(chain, logits)
                ended = token in self._vocabulary.ends or self._reply.ended or len(self.ids) == limit
                logits = None if ended or self._turn.stop.is_set() else self._read([token], "generate", 1)

    def _announce_prompt(self) -> None:
        """Tell of the prompt's tokens, but for those that are known from before."""
        decoder = self._vocabulary.start()
        texts = [decoder.add(token) for token in self._prompt]
        for position in range(self._known, len(self._prompt)):
            token, text = self._prompt[position], texts[position]
            self._turn.sink.token(TokenEvent(position - self._known, "prompt", token, text))

    def _read_prompt(self) -> Floats | None:
        """Return the logits after the prompt, or None where the turn is stopped before its end."""
        scanned = len(self._prompt) - self._direction.plan.prompt_positions
        logits: Floats | None = None
        for first, stop in chunks(self._known, len(self._prompt), self._memory.watch.context.largest):
            if self._turn.stop.is_set():
                return None
            logits = self._read(self._prompt[first:stop], "prompt", max(0, stop - max(first, scanned)))
        return logits

    def _read(self, ids: Sequence[int], phase: Phase, kept: int) -> Floats:
        """Compute a pass, remember it, and hand on its scans."""
        memory, compiled, wanted = self._memory, self._direction.applied(), self._direction.plan.sites
        first = memory.length
        rows, logits = memory.watch.run(
            ids,
            first=first,
            prompt=len(self._prompt),
            compiled=compiled,
            wanted=wanted,
            kept=kept,
            logits=int(first + len(ids) >= len(self._prompt)),
        )
        self._revision = compiled.revision
        memory.computed(Applied(compiled.edits, compiled.revision), len(ids))
        self._scan(rows, wanted, phase, first + len(ids) - kept - self._known)
        return logits[-1] if len(logits) else logits

    def _scan(self, rows: Mapping[str, Floats], wanted: SiteLayers, phase: Phase, number: int) -> None:
        for site, layers in wanted:
            for offset, each in enumerate(rows[site]):
                self._turn.sink.scan(
                    ScanEvent(number + offset, phase, site, layers, "f32", each, self._revision)
                )

    def _choose(self, chain: Sampler, logits: Floats) -> int:
        distribution = Distribution(logits)
        token = chain.choose()
        logprob, entropy, top = distribution.describe(token, self._vocabulary)
        text = self._decoder.add(token)
        number = len(self._prompt) - self._known + len(self.ids)
        self.ids.append(token)
        self._memory.read(token)
        if token not in self._vocabulary.special:
            self._reply.add(text)
        self._turn.sink.token(
            TokenEvent(number, "generate", token, text, logprob, entropy, top, self._revision)
        )
        return token
