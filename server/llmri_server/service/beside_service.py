"""Scans beside the conversation: of a text that somebody brings, and of earlier turns at other sites."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from llmri_protocol.arrays import memory_of
from llmri_protocol.catalogue import OVERHEAD
from llmri_protocol.messages import (
    Candidate,
    Edit,
    Logits,
    ReplayedSite,
    ReplaySite,
    ScannedText,
    ScanText,
    Token,
)
from llmri_server.broadcast.outbox import Outbox
from llmri_server.edits import normalised
from llmri_server.edits.wording import in_words
from llmri_server.measuring import Progress
from llmri_server.pass_runs import PassRun
from llmri_server.runtime import (
    ChatMessage,
    NonFiniteError,
    Rerun,
    Runtime,
    ScanEvent,
    SiteLayers,
)
from llmri_server.service.client_tasks import Work
from llmri_server.service.conversation import Conversation
from llmri_server.service.edit_service import EditService
from llmri_server.service.handlers import Caller, Handlers
from llmri_server.service.measurement_service import UnfitError
from llmri_server.service.paced_answer import PacedAnswer, Room
from llmri_server.service.sayings import said
from llmri_server.service.transcript import TurnTokens, UnknownPlaceError

CANDIDATES = 10  # of what comes next, where no other number is asked for
PIECE = 16 << 20  # bytes of logits in one message

Floats = npt.NDArray[np.float32]


class BesideService:
    """Answers with scans that no turn was for; nothing that it does changes the conversation.

    Args:
        runtime: The model.
        conversation: Whose turns can be computed again.
        edits: The edits that stand.
        wanted: Whether anybody waits for the model but the client with this outbox.
    """

    def __init__(
        self,
        runtime: Runtime,
        conversation: Conversation,
        edits: EditService,
        wanted: Callable[[Outbox], bool] = lambda _: False,
    ) -> None:
        self._runtime = runtime
        self._conversation = conversation
        self._edits = edits
        self._wanted = wanted

    def register(self, handlers: Handlers) -> None:
        """Handle the commands that are answered by scans."""
        handlers.add(ScanText, self._scan_text)
        handlers.add(ReplaySite, self._replay_site)

    def _scan_text(self, caller: Caller, request: ScanText) -> Work:
        ids = self._ids_of(request)
        sites = self._sites(request.sites, request.layers)
        places = None if request.positions is None else frozenset(request.positions)
        if places and max(places) >= len(ids):
            raise UnfitError(f"there is no position {max(places)}; the text has {len(ids)} tokens")
        own = None if request.edits is None else self._checked(request.edits)
        outbox = caller.member.outbox

        def work(_: Progress, stop: threading.Event) -> ScannedText:
            began = time.perf_counter()
            standing = self._edits.standing
            edits, revision = (standing.edits, standing.revision) if own is None else (own, None)
            run = PassRun(len(ids), edits, revision or 0, len(ids), self._runtime.context())
            room = Room(outbox, stop, self._wanted)
            answer = PacedAnswer(room, request.id, request.dtype, stats=request.stats, revision=revision)
            telling = _Telling(self._runtime, answer, ids, request, edits)
            telling.begin()

            def take(event: ScanEvent) -> None:
                if places is None or event.number in places:
                    answer.scan(0, event)

            whole = request.logits or request.top is not None
            self._runtime.rerun(
                Rerun(ids, (run,), sites, 0, take, stop, telling.logits, len(ids) if whole else 1)
            )
            return ScannedText(
                id=request.id,
                tokens=len(ids),
                revision=revision,
                next=telling.next,
                seconds=time.perf_counter() - began,
            )

        return work

    def _replay_site(self, caller: Caller, request: ReplaySite) -> Work:
        sites = self._sites((request.site,), request.layers)
        outbox = caller.member.outbox

        def work(_: Progress, stop: threading.Event) -> ReplayedSite:
            began = time.perf_counter()
            span = self._span(request)
            room = Room(outbox, stop, self._wanted)
            answer = PacedAnswer(room, request.id, request.dtype, stats=request.stats, recomputed=True)

            def take(event: ScanEvent) -> None:
                answer.scan(request.turn, event, first=span.start)

            self._runtime.rerun(Rerun(span.ids, span.runs, sites, span.start + span.first, take, stop))
            return ReplayedSite(
                id=request.id,
                turn=request.turn,
                site=request.site,
                tokens=answer.scans,
                seconds=time.perf_counter() - began,
            )

        return work

    def _span(self, request: ReplaySite) -> TurnTokens:
        try:
            return self._conversation.transcript.span(request.turn, request.first, request.last)
        except UnknownPlaceError as error:
            raise UnfitError(str(error)) from None

    def _ids_of(self, request: ScanText) -> tuple[int, ...]:
        """Return the tokens that are read."""
        if request.messages is not None:
            ids = self._runtime.prompt_ids(said(request.messages))
        elif request.raw:
            ids = self._runtime.text_ids(request.text or "")
        else:
            ids = self._runtime.prompt_ids([ChatMessage(role="user", content=request.text or "")])
        most = self._runtime.card.context
        if not 1 <= len(ids) <= most:
            raise UnfitError(f"the text has {len(ids)} tokens, expected 1 to {most}: the model's context")
        return ids

    def _sites(self, names: Sequence[str], wanted: Sequence[int] | None) -> SiteLayers:
        """Return sites with their layers."""
        card = self._runtime.card
        here = [site.name for site in card.sites]
        missing = next((name for name in names if name not in here), None)
        if missing is not None:
            raise UnfitError(f"this model has no site {missing!r}, expected one of {', '.join(here)}")
        layers = tuple(range(card.layers) if wanted is None else sorted(set(wanted)))
        if layers and layers[-1] >= card.layers:
            raise UnfitError(f"there is no layer {layers[-1]}; this model has layers 0 to {card.layers - 1}")
        return tuple((name, layers) for name in dict.fromkeys(names) if layers)

    def _checked(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        self._runtime.check_edits(edits)
        return normalised(edits, self._runtime.card)


@dataclass
class _Telling:
    """The tokens of a text as they are told, with what the model thought of each, where that is asked for."""

    runtime: Runtime
    answer: PacedAnswer
    ids: tuple[int, ...]
    request: ScanText
    edits: Sequence[Edit]
    next: tuple[Candidate, ...] = ()
    _texts: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Tell the tokens, where no logits are waited for; else the first."""
        self._texts = self.runtime.texts_of(self.ids)
        count = len(self.ids) if self.request.top is None else 1
        for number in range(count):
            self._tell(number, None)

    def logits(self, first: int, rows: Floats) -> None:
        """Take what follows some positions, `[positions, vocabulary]`.

        Raises:
            NonFiniteError: A logit is infinite or not a number.
        """
        if not np.isfinite(rows).all():
            raise NonFiniteError(f"the logits are infinite or not a number under {in_words(self.edits)}")
        if self.request.logits:
            self._send(first, rows)
        for number, row in enumerate(rows, first):
            if number + 1 == len(self.ids):
                self.next = self._described(row, -1)[2]
            elif self.request.top is not None:
                self._tell(number + 1, row)

    def _tell(self, number: int, row: Floats | None) -> None:
        token = self.ids[number]
        logprob, entropy, top = (None, None, ()) if row is None else self._described(row, token)
        told = Token(
            turn=0,
            token=number,
            phase="prompt",
            id=token,
            text=self._texts[number],
            logprob=logprob,
            entropy=entropy,
            top=top,
            command=self.answer.command,
        )
        self.answer.room.put(told, OVERHEAD * (1 + len(top)))

    def _described(self, row: Floats, token: int) -> tuple[float, float, tuple[Candidate, ...]]:
        """Return a token's log-probability, the entropy in nats, and the likeliest tokens."""
        wide = row.astype(np.float64)
        logprobs = wide - np.logaddexp.reduce(wide)
        most = min(self.request.top or CANDIDATES, len(row))
        best = np.argpartition(-logprobs, most - 1)[:most]
        order = best[np.argsort(-logprobs[best], kind="stable")]
        top = tuple(
            Candidate(id=int(each), text=self.runtime.text_of(int(each)), logprob=float(logprobs[each]))
            for each in order
        )
        return float(logprobs[token]), float(-(np.exp(logprobs) * logprobs).sum()), top

    def _send(self, first: int, rows: Floats) -> None:
        step = max(1, PIECE // rows[0].nbytes)
        for start in range(0, len(rows), step):
            piece = np.ascontiguousarray(rows[start : start + step], "<f4")
            if np.shares_memory(piece, rows):
                piece = piece.copy()  # the runtime's own memory is used again
            message = Logits(
                id=self.answer.command,
                first=first + start,
                shape=(piece.shape[0], piece.shape[1]),
                data=memory_of(piece),
            )
            self.answer.room.put(message, piece.nbytes)
