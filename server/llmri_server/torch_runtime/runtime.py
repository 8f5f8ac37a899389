"""A model of Hugging Face transformers as a runtime."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from llmri_protocol.messages import AttributionMethod, Edit, ModelCard
from llmri_server.edits import check
from llmri_server.edits.nonfinite import who_broke
from llmri_server.pass_runs import Runs
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
from llmri_server.runtimes.common.turn_request import BrokenError, TurnRequest
from llmri_server.torch_runtime.architectures import SiteName
from llmri_server.torch_runtime.attribution import attribute
from llmri_server.torch_runtime.batches import continue_greedily, encoded, padded
from llmri_server.torch_runtime.generator import Generator
from llmri_server.torch_runtime.given_replies import deciding_rows, force, read_forced
from llmri_server.torch_runtime.hook_manager import HookManager
from llmri_server.torch_runtime.installation import Clock
from llmri_server.torch_runtime.interventions import NO_REPLY
from llmri_server.torch_runtime.keeping import CacheKeeping
from llmri_server.torch_runtime.lens import lenses
from llmri_server.torch_runtime.measuring import measure
from llmri_server.torch_runtime.nonfinite import breaks, few_logits
from llmri_server.torch_runtime.prefix_cache import PrefixCache
from llmri_server.torch_runtime.prompts import PromptWriter
from llmri_server.torch_runtime.recording import Recording
from llmri_server.torch_runtime.rerunning import rerun
from llmri_server.torch_runtime.scan_transfer import ScanWriter
from llmri_server.torch_runtime.taps import Site
from llmri_server.torch_runtime.text import Vocabulary


class TorchRuntime:
    """A decoder-only model that can be watched and edited while it speaks.

    `model` and `tokenizer` are the library's own objects, for experiments: a direct call of the model
    feels the edits inside `hooked()` and is recorded inside `record()`. `keeping` says what its caches allow.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        card: ModelCard,
        sites: Mapping[SiteName, Site],
        ends: frozenset[int],
        *,
        prompts: PromptWriter,
        keeping: CacheKeeping,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.card = card
        self.keeping = keeping
        self._sites: Mapping[str, Site] = {str(name): site for name, site in sites.items()}
        self._plan = CapturePlan()
        self._prompts = prompts
        self._vocabulary = Vocabulary(tokenizer)
        self._instruments = HookManager(model, sites, self._calibration, self._vocabulary.special)
        self._speaker = Generator(
            model, self._instruments, self._prompts, self._vocabulary, context=card.context, ends=ends
        )
        self._memory = PrefixCache(model.config, keeping)

    @property
    def threads(self) -> int:
        """How many threads of the processor a pass takes."""
        return torch.get_num_threads()

    def check_edits(self, edits: Sequence[Edit]) -> None:
        """Raise `EditError` for the first edit that does not fit; change nothing."""
        check(edits, self.card)

    def apply_edits(self, edits: Sequence[Edit], revision: int = 0) -> None:
        """Make these the edits of every forward pass from the next on, under this number."""
        self._instruments.edit(edits, revision)

    def capture(self, plan: CapturePlan) -> None:
        """Make this the capture plan from the next pass on; `prompt_positions` from the next turn on.

        Raises:
            ValueError: The plan names a site or a layer that is not there.
        """
        self._instruments.capture(plan.sites)
        self._plan = plan

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

        def attach(new: int, prompt: int) -> AbstractContextManager[None]:
            return self._watched(sink, new, prompt)

        turn = TurnRequest(conversation, sampling, sink, stop)
        try:
            return self._speaker.hold(turn, self._memory, attach)
        except BrokenError as broken:
            raise self._non_finite(broken, self._instruments.applied.edits) from None

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

        def attach(_new: int, prompt: int) -> AbstractContextManager[None]:
            return self._instruments.attached(recorded=(), variants=[edits], prompt=prompt, start=0)

        turn = TurnRequest(conversation, sampling, sink, stop)
        try:
            return self._speaker.hold(turn, PrefixCache(self.model.config, self.keeping), attach)
        except BrokenError as broken:
            raise self._non_finite(broken, edits) from None
        finally:
            self._instruments.converse(self._memory.ids)

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
            UnsupportedError: The model's state cannot be continued from one run into the next.
        """
        try:
            rerun(self.model, self._instruments, self.keeping, request)
        finally:
            self._instruments.converse(self._memory.ids)

    def stale(self) -> bool:
        """Whether any key or value that is kept was computed under other edits than those that stand.

        Edits that cannot reach it do not count, such as those of later positions. What the next turn computes
        anew is never stale.
        """
        return self._memory.goes_on and self._memory.provenance.differs_from(self._instruments.edits)

    def refill(self) -> int:
        """Compute all kept keys and values anew under the standing edits; give how many positions.

        The conversation is read as the next turn would read it: all of it is prompt.

        Raises:
            NonFiniteError: A value became infinite or not a number; what was kept stays.
        """
        ids, cache = self._memory.ids, self._memory.fresh()
        if cache is None or not self._memory.holds:
            return 0
        self._instruments.converse(ids)
        tokens = torch.tensor([ids], device=self.model.device)
        with torch.no_grad(), self._instruments.attached(recorded=(), prompt=NO_REPLY):
            logits = self.model(
                tokens, past_key_values=cache, use_cache=True, **few_logits(self.model)
            ).logits
        applied = self._instruments.applied
        if not bool(logits.isfinite().all()):
            raise self._non_finite(BrokenError(ids, NO_REPLY), applied.edits)
        self._memory.renew(cache, applied)
        return len(ids)

    def prompt_ids(self, conversation: Sequence[ChatMessage]) -> tuple[int, ...]:
        """Return the tokens of a conversation, ready for the reply."""
        return tuple(self._prompts.ids(conversation))

    def text_ids(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a plain text."""
        return tuple(self._prompts.text_ids(text))

    def text_of(self, token: int) -> str:
        """Return a token's own text."""
        return self._vocabulary.text_of(token)

    def texts_of(self, ids: Sequence[int]) -> list[str]:
        """Return what each token adds to the text of all; a character waits for the last of its tokens."""
        text = self._vocabulary.start()
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
        """Run forward passes over one sequence, each row of a batch under its own edits alone.

        Raises:
            NonFiniteError: A result is infinite or not a number; the message names the first variant's edit
                that made it so.
        """
        try:
            return measure(
                self.model,
                self._instruments,
                self._sites,
                ids,
                variants,
                wanted=sites,
                logits=logits,
                prompt=prompt,
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
        """Reply to many prompts in one batch, with the likeliest tokens, under these edits alone."""
        with self._instruments.attached(recorded=(), alone=tuple(edits)):
            return continue_greedily(self.model, self.tokenizer, encoded(self.model, prompts), longest)

    def read_replies(
        self,
        given: Sequence[GivenReply],
        edits: Sequence[Edit] = (),
        *,
        against: RepliesRead | None = None,
    ) -> RepliesRead:
        """Read replies in one batch, behind their prompts, under these edits alone.

        Raises:
            NonFiniteError: A logit that decides a reply is infinite or not a number.
            UnsupportedError: The model's state cannot be handed from pass to pass.
        """
        whole = self.keeping.whole
        if not whole.steps:
            raise UnsupportedError(
                "this model's state cannot be handed from pass to pass, so a given reply cannot be read "
                "behind its prompt"
            )
        with self._instruments.attached(recorded=(), alone=tuple(edits)):
            return read_forced(self.model, force(self.model, given), edits, against, at_once=whole.goes_on)

    def reply_activations(self, site: str, given: Sequence[GivenReply]) -> npt.NDArray[np.float32]:
        """Return a site's activations where replies are decided, without any edit, from one batch.

        Raises:
            ValueError: The site is not there.
        """
        ids, mask = padded([each.prompt + each.reply for each in given], "right")
        with self.record(site, alone=()) as recording, torch.inference_mode():
            self.model(input_ids=ids.to(self.model.device), attention_mask=mask.to(self.model.device))
        return recording.rows[deciding_rows(given)]

    def attribute(
        self,
        ids: Sequence[int],
        site: str,
        layer: int,
        *,
        target: int | None = None,
        method: AttributionMethod = "gradient",
        stop: threading.Event | None = None,
    ) -> Attributed:
        """Attribute the next token's logit to the units of one layer, without any edit.

        Raises:
            StoppedError: `stop` was set.
        """
        return attribute(self.model, self._sites[site], layer, ids, target=target, method=method, stop=stop)

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
        yield from lenses(
            self.model,
            self._instruments,
            self._sites["resid_post"],
            ids,
            first=first,
            edits=edits,
            prompt=prompt,
        )

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Let direct calls of `model` and `model.generate` inside feel the applied edits."""
        with self._instruments.attached(recorded=()):
            yield

    @contextmanager
    def record(
        self, site: str, layers: Sequence[int] | None = None, *, alone: Sequence[Edit] | None = None
    ) -> Iterator[Recording]:
        """Record a site in direct calls of `model` inside, by default in every layer.

        The standing edits are felt too, or `alone` in their place.

        Raises:
            ValueError: The site or a layer is not there.
        """
        chosen = tuple(range(self.card.layers) if layers is None else layers)
        width = self._sites[site].width if site in self._sites else 0
        recording = Recording(site, chosen, width)
        instead = None if alone is None else tuple(alone)
        with self._instruments.attached(recording, recorded=((site, chosen),), alone=instead):
            yield recording

    @contextmanager
    def timed(self) -> Iterator[Clock]:
        """Measure the time spent in hooks and in handing scans over, of everything inside."""
        with self._instruments.timed() as clock:
            yield clock

    @contextmanager
    def _watched(self, sink: Sink, new: int, prompt: int) -> Iterator[None]:
        """Let a turn's passes feel the standing edits, write their scans, and remember what they felt."""
        writer = ScanWriter(
            sink, new, self._plan.prompt_positions, on_pass=self._computed, revision=self._revision
        )
        with self._instruments.attached(writer, prompt=prompt, start=prompt - new):
            yield

    def _calibration(self) -> tuple[int, ...]:
        return calibration_ids(self)

    def _computed(self, positions: int) -> None:
        self._memory.computed(self._instruments.applied, positions)

    def _revision(self) -> int:
        return self._instruments.applied.revision

    def _breaks(self, ids: Sequence[int], prompt: int | None, edits: Sequence[Edit]) -> bool:
        """Whether the logits after these tokens are broken under these edits alone."""
        return breaks(self.model, self._instruments, ids, edits, prompt=prompt)

    def _non_finite(self, broken: BrokenError, edits: Sequence[Edit]) -> NonFiniteError:
        """Say who broke the logits."""
        return NonFiniteError(who_broke(edits, lambda some: self._breaks(broken.ids, broken.prompt, some)))
