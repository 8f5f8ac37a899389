"""Measurements asked of the server: what is on its way, what came back, and why something did not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, TypeVar, cast

from llmri_protocol.messages import (
    Command,
    Compare,
    Comparison,
    Edit,
    Error,
    Influence,
    LogitLens,
    MeasureInfluence,
    Progress,
    ReadLens,
)
from llmri_viewer.model.history.store import TokenRef

UNNUMBERED = 0  # the session gives each request its id when it is sent
V = TypeVar("V")
A = TypeVar("A", Influence, Comparison, LogitLens)
Kind = Literal["influence", "comparison", "lens"]
Answer = Influence | Comparison | LogitLens
KINDS: Mapping[type, Kind] = MappingProxyType(
    {
        MeasureInfluence: "influence",
        Influence: "influence",
        Compare: "comparison",
        Comparison: "comparison",
        ReadLens: "lens",
        LogitLens: "lens",
    }
)
"""The kind of each request and of each answer."""


@dataclass(frozen=True)
class Asked:
    """What was asked, which token was shown then, which edits stood, and which turn was the newest.

    `disturbed` tells that the edits changed before the answer came: it is of either.
    """

    request: Command
    at: TokenRef | None
    edits: tuple[Edit, ...]
    turn: int = 0
    disturbed: bool = False


@dataclass(frozen=True)
class Pending:
    """A measurement that the server has not answered yet; `done` of `total` steps are over."""

    asked: Asked
    id: int
    done: int = 0
    total: int = 0
    what: str = ""


@dataclass(frozen=True)
class Answered:
    """An answer with what was asked."""

    asked: Asked
    answer: Answer


@dataclass(frozen=True)
class Failed:
    """Why there is no answer to what was asked."""

    asked: Asked
    message: str


@dataclass(frozen=True)
class Measurements:
    """At most one measurement of each kind under way, and the last answer and failure of each."""

    pending: Mapping[Kind, Pending] = field(default_factory=lambda: MappingProxyType({}))
    answers: Mapping[Kind, Answered] = field(default_factory=lambda: MappingProxyType({}))
    failures: Mapping[Kind, Failed] = field(default_factory=lambda: MappingProxyType({}))

    def answer(self, kind: type[A]) -> tuple[Asked, A] | None:
        """Return the last answer of a kind, with what was asked."""
        found = self.answers.get(KINDS[kind])
        return None if found is None else (found.asked, cast("A", found.answer))

    def asked(self, asked: Asked, number: int) -> "Measurements":
        """Note that a request went out with an id; other requests change nothing."""
        kind = KINDS.get(type(asked.request))
        if kind is None:
            return self
        return replace(
            self,
            pending=MappingProxyType({**self.pending, kind: Pending(asked, number)}),
            failures=_without(self.failures, kind),
        )

    def received(self, event: Progress | Error | Answer) -> "Measurements":
        """Take progress, an answer or a refusal; one that belongs to nothing under way changes nothing."""
        kind = next((kind for kind, pending in self.pending.items() if pending.id == event.id), None)
        if kind is None:
            return self
        pending = self.pending[kind]
        if isinstance(event, Progress):
            moved = replace(pending, done=event.done, total=event.total, what=event.what)
            return replace(self, pending=MappingProxyType({**self.pending, kind: moved}))
        rest = _without(self.pending, kind)
        if isinstance(event, Error):
            return replace(self, pending=rest, failures=self._failed({kind: pending}, event.message))
        answers = MappingProxyType({**self.answers, kind: Answered(pending.asked, event)})
        return replace(self, pending=rest, answers=answers)

    def disturbed(self) -> "Measurements":
        """Note that the edits changed: what is under way was begun before or after."""
        marked = {
            kind: replace(each, asked=replace(each.asked, disturbed=True))
            for kind, each in self.pending.items()
        }
        return replace(self, pending=MappingProxyType(marked)) if marked else self

    def retried(self, kind: Kind) -> "Measurements":
        """Forget why there is no answer of a kind, so that it may be asked for again."""
        return replace(self, failures=_without(self.failures, kind))

    def abandoned(self, why: str) -> "Measurements":
        """Give up what is under way, since the connection ended."""
        return replace(self, pending=MappingProxyType({}), failures=self._failed(self.pending, why))

    def _failed(self, pending: Mapping[Kind, Pending], why: str) -> Mapping[Kind, Failed]:
        failed = {kind: Failed(each.asked, why) for kind, each in pending.items()}
        return MappingProxyType({**self.failures, **failed})


def _without(mapping: Mapping[Kind, V], key: Kind) -> Mapping[Kind, V]:
    return MappingProxyType({each: value for each, value in mapping.items() if each != key})
