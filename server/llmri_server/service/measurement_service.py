"""What clients want measured: checked at once, and measured on the model's thread when its turn comes."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from llmri_protocol.messages import (
    Attribute,
    Attribution,
    Compare,
    Comparison,
    Edit,
    Influence,
    LogitLens,
    MeasureInfluence,
    ReadLens,
    RePrefill,
)
from llmri_server.edits import normalised
from llmri_server.measuring import NoRoomError, Progress, attribution, comparison, influence, logit_lens
from llmri_server.runtime import LensRuntime, Runtime, UnsupportedError
from llmri_server.service.client_tasks import Work
from llmri_server.service.conversation import Conversation
from llmri_server.service.edit_service import EditService
from llmri_server.service.handlers import Caller, Handlers
from llmri_server.service.transcript import NothingReadError, TokenPosition, UnknownPlaceError

MOST_LENSES = 1024  # tokens of a span


class UnfitError(ValueError):
    """A measurement does not fit the model; the message names what, and what would fit."""


class NothingToMeasureError(RuntimeError):
    """Nothing of the conversation is there to measure anything on; the message says why."""


class MeasurementService:
    """Measures what clients ask for; nothing that it does changes the conversation.

    Protected units may be measured: such an edit never stands.

    Args:
        runtime: The model.
        conversation: What measurements are over, where a request brings no text of its own.
        edits: The edits that stand.
    """

    def __init__(self, runtime: Runtime, conversation: Conversation, edits: EditService) -> None:
        self._runtime = runtime
        self._conversation = conversation
        self._edits = edits

    def register(self, handlers: Handlers) -> None:
        """Handle the commands that take the model: each is checked at once, and returns its work.

        What a handler raises: `EditError` where an edit does not fit the model, `UnfitError` where something
        else does not, `UnsupportedError` where the runtime cannot do it.
        """
        handlers.add(RePrefill, lambda _, __: self._re_prefill)
        handlers.add(MeasureInfluence, self._influence)
        handlers.add(Attribute, self._attribution)
        handlers.add(Compare, self._comparison)
        handlers.add(ReadLens, self._lens)

    def _re_prefill(self, progress: Progress, stop: threading.Event) -> None:  # noqa: ARG002  # a Work
        self._runtime.refill()
        self._edits.announce()

    def _influence(self, caller: Caller, request: MeasureInfluence) -> Work:  # noqa: ARG002 - a handler
        edits = self._checked(request.edits)
        self._check_site(request.site)
        own = self._ids_of(request.text)

        def work(progress: Progress, stop: threading.Event) -> Influence:
            began = time.perf_counter()
            place = _end_of(own) if own else self._place(request.turn, request.token)
            found = influence(
                self._runtime,
                place.ids,
                edits,
                request.site,
                progress=progress,
                stop=stop,
                prompt=place.prompt,
            )
            return Influence(
                id=request.id,
                site=found.site,
                layers=found.layers,
                shape=(len(found.layers), found.change.shape[1]),
                positions=found.positions,
                kl=found.kl,
                gains=found.gains,
                losses=found.losses,
                seconds=time.perf_counter() - began,
                data=found.change.astype("<f4").tobytes(),
            )

        return work

    def _attribution(self, caller: Caller, request: Attribute) -> Work:  # noqa: ARG002 - a handler
        self._check_attribution(request)
        own = self._ids_of(request.text)

        def work(progress: Progress, stop: threading.Event) -> Attribution:
            began = time.perf_counter()
            found = attribution(
                self._runtime,
                own or self._place().ids,
                request.site,
                request.layer,
                target=request.target,
                method=request.method,
                checked=request.checked,
                progress=progress,
                stop=stop,
            )
            return Attribution(
                id=request.id,
                site=request.site,
                layer=request.layer,
                method=request.method,
                target=found.target,
                checked=found.checked,
                effects=found.effects,
                pearson=found.pearson,
                spearman=found.spearman,
                seconds=time.perf_counter() - began,
                data=found.values.astype("<f4").tobytes(),
            )

        return work

    def _comparison(self, caller: Caller, request: Compare) -> Work:  # noqa: ARG002 - a handler
        standing = self._edits.journal.state.edits
        edits = standing if request.edits is None else self._checked(request.edits)
        sampling = self._conversation.sampling
        sampling = replace(sampling, max_new_tokens=request.most or sampling.max_new_tokens)

        def work(progress: Progress, stop: threading.Event) -> Comparison:
            began = time.perf_counter()
            messages = self._conversation.to_reply_to(request.prompt, new=request.new)
            if not messages:
                raise NothingToMeasureError("nothing was said yet that could be repeated; give a prompt")
            try:
                found = comparison(self._runtime, messages, sampling, edits, progress=progress, stop=stop)
            except NoRoomError as error:
                raise UnfitError(str(error)) from None
            return Comparison(
                id=request.id,
                prompt=messages[-1]["content"],
                plain=found.plain,
                edited=found.edited,
                plain_text=found.plain_text,
                edited_text=found.edited_text,
                first_difference=found.first_difference,
                kl=found.kl,
                seconds=time.perf_counter() - began,
            )

        return work

    def _lens(self, caller: Caller, request: ReadLens) -> Work:
        runtime = self._runtime
        if not runtime.card.lens or not isinstance(runtime, LensRuntime):
            raise UnsupportedError(f"the runtime `{runtime.card.runtime}` has no logit lens")
        own = self._ids_of(request.text)
        outbox = caller.member.outbox

        def work(progress: Progress, stop: threading.Event) -> None:
            edits = self._edits.standing.edits
            place = _end_of(own) if own else self._place(request.turn, request.token)
            first = request.first
            if first is not None and not 0 <= place.token - first < min(len(place.ids), MOST_LENSES):
                raise UnfitError(
                    f"there are no tokens {first} to {place.token}; a span has at most {MOST_LENSES}"
                )
            began = time.perf_counter()
            read = logit_lens(runtime, place, edits, request.most, first=first, progress=progress, stop=stop)
            for each in read:
                outbox.put(
                    LogitLens(
                        id=request.id,
                        turn=place.turn,
                        token=each.token,
                        positions=each.positions,
                        came=each.came,
                        layers=each.layers,
                        seconds=time.perf_counter() - began,
                    )
                )

        return work

    def _place(self, turn: int | None = None, token: int | None = None) -> TokenPosition:
        """Return the place of a token, by default of the newest that was read in the conversation.

        Raises:
            NothingToMeasureError: None was.
            UnfitError: There is no such turn or token.
        """
        try:
            return self._conversation.transcript.place(turn, token)
        except UnknownPlaceError as error:
            raise UnfitError(str(error)) from None
        except NothingReadError as error:
            raise NothingToMeasureError(str(error)) from None

    def _ids_of(self, text: str | None) -> tuple[int, ...]:
        """Return the tokens of a request's own text; none where it brings none."""
        if text is None:
            return ()
        ids, most = self._runtime.text_ids(text), self._runtime.card.context
        if not 1 <= len(ids) <= most:
            raise UnfitError(f"the text has {len(ids)} tokens, expected 1 to {most}: the model's context")
        return ids

    def _checked(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        self._runtime.check_edits(edits)
        return normalised(edits, self._runtime.card)

    def _check_site(self, site: str, layer: int = 0) -> None:
        card = self._runtime.card
        here = [each.name for each in card.sites]
        if site not in here:
            raise UnfitError(f"this model has no site {site!r}, expected one of {', '.join(here)}")
        if layer >= card.layers:
            raise UnfitError(f"there is no layer {layer}; this model has layers 0 to {card.layers - 1}")

    def _check_attribution(self, request: Attribute) -> None:
        card = self._runtime.card
        if not card.attributable:
            raise UnsupportedError(f"the runtime `{card.runtime}` computes no gradients to attribute with")
        self._check_site(request.site, request.layer)
        if request.target is not None and request.target >= card.vocabulary:
            raise UnfitError(f"there is no token {request.target}; the last is {card.vocabulary - 1}")
        if request.checked:
            self._runtime.check_edits((Edit(site=request.site, layer=request.layer, units=(0,)),))


def _end_of(text: tuple[int, ...]) -> TokenPosition:
    """Return the place of a text's last token; a text is all prompt."""
    return TokenPosition(None, len(text) - 1, text, None, None)
