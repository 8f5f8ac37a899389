"""A GGUF file as a runtime, through llama.cpp."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit, ModelCard
from llmri_server.edits import Place, check
from llmri_server.edits.baselines import Baselines
from llmri_server.edits.nonfinite import who_broke
from llmri_server.llama_runtime.context import NO_REPLY
from llmri_server.llama_runtime.generator import Alone, Generator, Standing
from llmri_server.llama_runtime.given_replies import continue_greedily
from llmri_server.llama_runtime.interventions import Compiler
from llmri_server.llama_runtime.keeping import measure_memory
from llmri_server.llama_runtime.lens import lenses
from llmri_server.llama_runtime.measuring import mean_row, measure, unedited_rows
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.prefix_cache import Memory
from llmri_server.llama_runtime.rerunning import rerun
from llmri_server.llama_runtime.sequence_reading import read
from llmri_server.llama_runtime.sites import Discovery
from llmri_server.llama_runtime.vocabulary import PromptWriter, Vocabulary
from llmri_server.llama_runtime.watch import Watch
from llmri_server.pass_runs import Applied, Runs
from llmri_server.runtime import (
    Attributed,
    CapturePlan,
    ChatMessage,
    GivenReply,
    Measured,
    NonFiniteError,
    RepliesRead,
    Rerun,
    Sampling,
    Sink,
    SiteLayers,
    TurnOutcome,
    UnsupportedError,
)
from llmri_server.runtimes.common.calibration import calibration_ids
from llmri_server.runtimes.common.given_replies import activations_one_by_one, read_one_by_one
from llmri_server.runtimes.common.keeping import NOTHING_KEPT, Keeping
from llmri_server.runtimes.common.turn_request import BrokenError, TurnRequest

logger = logging.getLogger(__name__)


class LlamaRuntime:
    """A quantised model that can be watched and edited while it speaks.

    The conversation lives in one of llama.cpp's contexts. What shall leave it alone (replays, measurements,
    what `mean` and `resample` are based on) runs in a second one, which is made when it is first needed.

    Attributes:
        vocabulary: llama.cpp's tokenizer of the file.
    """

    def __init__(
        self,
        model: Model,
        discovery: Discovery,
        vocabulary: Vocabulary,
        prompts: PromptWriter,
        card: ModelCard,
    ) -> None:
        self.card = card
        self._model = model
        self._discovery = discovery
        self.vocabulary = vocabulary
        self._prompts = prompts
        self._second: Watch | None = None
        watch = self._watch()
        keeping = measure_memory(watch, card.vocabulary)
        if not keeping.goes_on:
            logger.warning("%s: %s", card.name, NOTHING_KEPT)
        self._memory = Memory(watch, card.layers, keeping)
        self._baselines = Baselines(self._unedited, mean_row, self._calibration, vocabulary.special)
        self._compiler = Compiler(self._baselines)
        self._standing = Standing(self._compiler, self._baselines)
        self._speaker = Generator(prompts, vocabulary, card.context)

    @property
    def threads(self) -> int:
        """How many threads of the processor a pass takes."""
        return self._model.options.threads_for(self._model.size)

    def check_edits(self, edits: Sequence[Edit]) -> None:
        """Raise `EditError` for the first edit that does not fit; change nothing."""
        check(edits, self.card)

    def apply_edits(self, edits: Sequence[Edit], revision: int = 0) -> None:
        """Make these the edits of every forward pass from the next on, under this number."""
        self._standing.now = Applied(tuple(edits), revision)

    def capture(self, plan: CapturePlan) -> None:
        """Make this the capture plan from the next pass on.

        Raises:
            ValueError: The plan names a site or a layer that is not there.
        """
        self._check(plan.sites)
        self._standing.plan = plan

    def generate(
        self, conversation: Sequence[ChatMessage], sampling: Sampling, sink: Sink, stop: threading.Event
    ) -> TurnOutcome:
        """Generate the reply to the conversation's last message, until done or `stop` is set.

        A conversation's first turn is computed anew; later turns reuse the keys and values of earlier ones,
        which keep the edits they were computed under, until `refill`. Where the model's state cannot be
        continued, each turn is computed anew.

        Old exchanges are left out where the context is too short; with no room at all the reply is empty
        and ends for `context`.

        Raises:
            NonFiniteError: A logit became infinite or not a number. Nothing of the conversation is kept then.
        """
        turn = TurnRequest(conversation, sampling, sink, stop)
        try:
            return self._speaker.hold(turn, self._memory, self._standing)
        except BrokenError as broken:
            raise self._non_finite(broken, self._standing.applied().edits) from None

    def replay(
        self,
        conversation: Sequence[ChatMessage],
        sampling: Sampling,
        sink: Sink,
        stop: threading.Event,
        edits: Sequence[Edit],
    ) -> TurnOutcome:
        """Generate like `generate`, from the first token and under these edits alone; all else stays.

        Raises:
            NonFiniteError: A logit became infinite or not a number.
        """
        turn = TurnRequest(conversation, sampling, sink, stop)
        memory = Memory(self._aside, self.card.layers, Keeping())
        memory.forget()
        try:
            return self._speaker.hold(turn, memory, Alone(edits, self._compiler, self._baselines))
        except BrokenError as broken:
            raise self._non_finite(broken, edits) from None
        finally:
            self._standing.converse(self._memory.ids)

    def context(self) -> tuple[int, ...]:
        """Return the tokens of the conversation as computed; while a turn runs, all its tokens so far."""
        return self._memory.ids

    def passes(self) -> Runs:
        """Return how the positions of the conversation were computed, those of the latest turn included."""
        return self._memory.runs

    def rerun(self, request: Rerun) -> None:
        """Compute positions again as they were computed, beside the conversation; see `Runtime.rerun`.

        Raises:
            StoppedError: `stop` was set.
            ValueError: A site or a layer is not there.
        """
        self._check(request.sites)
        try:
            rerun(self._aside, self._compiler, self._baselines, request)
        finally:
            self._standing.converse(self._memory.ids)

    def stale(self) -> bool:
        """Whether any key or value that is kept was computed under other edits than those that stand.

        Edits that cannot reach it do not count, such as those of later positions. What the next turn computes
        anew is never stale.
        """
        return self._memory.goes_on and self._memory.provenance.differs_from(self._standing.edits)

    def refill(self) -> int:
        """Compute all kept keys and values anew under the standing edits; give how many positions.

        The conversation is read as the next turn would read it: all of it is prompt.

        Raises:
            NonFiniteError: A value became infinite or not a number; what was kept stays.
        """
        ids = self._memory.ids
        if not self._memory.length:
            return 0
        self._standing.converse(ids)
        compiled = self._standing.applied()
        fresh = self._aside
        _, logits = read(fresh, ids, prompt=NO_REPLY, compiled=compiled)
        if not np.isfinite(logits).all():
            raise self._non_finite(BrokenError(ids, NO_REPLY), compiled.edits)
        self._second = self._memory.watch
        self._memory.renewed(fresh, ids, Applied(compiled.edits, compiled.revision))
        return len(ids)

    def prompt_ids(self, conversation: Sequence[ChatMessage]) -> tuple[int, ...]:
        """Return the tokens of a conversation, ready for the reply."""
        return tuple(self._prompts.ids(conversation))

    def text_ids(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a plain text."""
        return tuple(self.vocabulary.ids(text, add_special=True))

    def text_of(self, token: int) -> str:
        """Return a token's own text."""
        return self.vocabulary.text_of(token)

    def texts_of(self, ids: Sequence[int]) -> list[str]:
        """Return what each token adds to the text of all; a character waits for the last of its tokens."""
        text = self.vocabulary.start()
        return [text.add(token) for token in ids]

    def measure(
        self,
        ids: Sequence[int],
        variants: Sequence[Sequence[Edit]],
        *,
        sites: SiteLayers = (),
        logits: int = 1,
        prompt: int | None = None,
    ) -> Measured:
        """Run forward passes over one sequence, each under its own edits alone, one after the other.

        Raises:
            NonFiniteError: A result is infinite or not a number; the message names the first variant's edit
                that made it so.
            ValueError: A site or a layer is not there.
        """
        self._check(sites)
        try:
            return measure(
                self._aside, self._compiler, ids, variants, wanted=sites, logits=logits, prompt=prompt
            )
        except NonFiniteError as error:
            broken = next((edits for edits in variants if self._breaks(ids, prompt, edits)), None)
            if broken is None:
                raise
            raise self._non_finite(BrokenError(ids, prompt), broken) from error

    def given_reply(self, conversation: Sequence[ChatMessage], reply: str) -> GivenReply:
        """Return the tokens of a conversation and of a reply to it, cut from those of both together."""
        return self._prompts.given_reply(conversation, reply)

    def greedy_replies(
        self, prompts: Sequence[Sequence[int]], longest: int, edits: Sequence[Edit] = ()
    ) -> list[str]:
        """Reply to prompts one after the other, with the likeliest tokens, under these edits alone."""
        compiled = self._compiler.compile(edits)
        return [
            continue_greedily(self._aside, self.vocabulary, prompt, longest, compiled) for prompt in prompts
        ]

    def read_replies(
        self,
        given: Sequence[GivenReply],
        edits: Sequence[Edit] = (),
        *,
        against: RepliesRead | None = None,
    ) -> RepliesRead:
        """Read replies one after the other, each behind its prompt, under these edits alone.

        Raises:
            NonFiniteError: A logit that decides a reply is infinite or not a number.
        """
        return read_one_by_one(self, given, edits, against)

    def reply_activations(self, site: str, given: Sequence[GivenReply]) -> npt.NDArray[np.float32]:
        """Return a site's activations where replies are decided, without any edit.

        Raises:
            ValueError: The site is not there.
        """
        return activations_one_by_one(self, site, given)

    def attribute(self, *_arguments: object, **_options: object) -> Attributed:
        """Refuse: llama.cpp keeps no gradients.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError(
            "llama.cpp computes no gradients, so nothing can be attributed; measure the units' influence "
            "instead, or serve the model's original folder"
        )

    def lens(
        self, ids: Sequence[int], edits: Sequence[Edit] = (), *, prompt: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return the logits that each layer's output would give at the last position, `[layers, vocabulary]`.

        Raises:
            NonFiniteError: A logit is infinite or not a number.
            UnsupportedError: The output of the blocks was not found in this model.
        """
        [last] = self.lenses(ids, len(ids) - 1, edits, prompt=prompt)
        return last

    def lenses(
        self, ids: Sequence[int], first: int, edits: Sequence[Edit] = (), *, prompt: int | None = None
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the same for each position from one on.

        Raises:
            NonFiniteError: A logit is infinite or not a number.
            UnsupportedError: The output of the blocks was not found in this model.
        """
        if not self.card.lens:
            raise UnsupportedError(f"`resid_post` was not found in {self.card.name}: there is no logit lens")
        compiled = self._compiler.compile(edits)
        asked = len(ids) if prompt is None else prompt
        yield from lenses(self._aside, self.card.layers, ids, first=first, compiled=compiled, prompt=asked)

    @property
    def _aside(self) -> Watch:
        """The context beside the conversation's."""
        if self._second is None:
            self._second = self._watch()
        return self._second

    def _watch(self) -> Watch:
        return Watch(self._model, self._discovery, self.vocabulary.special)

    def _check(self, wanted: SiteLayers) -> None:
        sites = self._discovery.sites
        for name, layers in wanted:
            if name not in sites:
                raise ValueError(f"there is no site `{name}` here; there are {', '.join(sites)}")
            for layer in layers:
                if not 0 <= layer < self.card.layers:
                    raise ValueError(
                        f"there is no layer {layer}; this model has layers 0 to {self.card.layers - 1}"
                    )

    def _calibration(self) -> tuple[int, ...]:
        return calibration_ids(self)

    def _unedited(
        self, ids: Sequence[int], places: Sequence[Place]
    ) -> Mapping[Place, npt.NDArray[np.float32]]:
        return unedited_rows(self._aside, ids, places)

    def _breaks(self, ids: Sequence[int], prompt: int | None, edits: Sequence[Edit]) -> bool:
        """Whether the logits after these tokens are broken under these edits alone."""
        asked = len(ids) if prompt is None else prompt
        _, logits = read(self._aside, ids, prompt=asked, compiled=self._compiler.compile(edits))
        return not bool(np.isfinite(logits).all())

    def _non_finite(self, broken: BrokenError, edits: Sequence[Edit]) -> NonFiniteError:
        """Say who broke the logits."""
        return NonFiniteError(who_broke(edits, lambda some: self._breaks(broken.ids, broken.prompt, some)))
