"""What edits do to the passes of a model: compiled once, and brought up to date as each pass begins."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from llmri_protocol.messages import Edit
from llmri_server.edits import Place
from llmri_server.torch_runtime.interventions.compilation import Compiled, Compiler
from llmri_server.torch_runtime.interventions.live import Live
from llmri_server.torch_runtime.interventions.pass_position import PassPosition
from llmri_server.torch_runtime.interventions.steps import Change, RowPrograms

Edits = tuple[Edit, ...]


class Interventions:
    """The edits that are in force in a model; belongs to the model's thread.

    Attributes:
        live: Whether anything depends on where a pass stands, so that `begin` has to be called.
    """

    def __init__(self, compiler: Compiler, special: frozenset[int]) -> None:
        self._compiler = compiler
        self._special = special
        self._standing: tuple[Edits, Compiled] | None = None
        self._live: list[tuple[Live, int | None]] = []
        self._prompt_seen: int | None = None
        self.live = False

    def stand(self, edits: Edits) -> Mapping[Place, Change]:
        """Put edits in force for every row; the same tuple is compiled once."""
        if self._standing is None or self._standing[0] is not edits:
            self._standing = (edits, self._compiler.compile(edits))
        compiled = self._standing[1]
        self._enliven([(live, None) for live in compiled.live])
        return compiled.programs

    def vary(self, variants: Sequence[Edits]) -> Mapping[Place, Change]:
        """Put edits in force that differ from row to row of the batch."""
        compiled = [self._compiler.compile(edits) for edits in variants]
        self._enliven([(live, row) for row, each in enumerate(compiled) for live in each.live])
        places = dict.fromkeys(place for each in compiled for place in each.programs)
        return {
            place: RowPrograms(
                {row: each.programs[place] for row, each in enumerate(compiled) if place in each.programs}
            )
            for place in places
        }

    def forget(self) -> None:
        """Compile what stands anew when it is next put in force: what it is based on has changed."""
        self._standing = None

    def start(self) -> None:
        """Learn that no prompt was seen yet."""
        self._prompt_seen = None

    def begin(
        self,
        positions: int,
        ids: Tensor | None,
        arguments: Mapping[str, Any],
        prompt: int | None,
        first: int | None = None,
    ) -> None:
        """Bring up to date what depends on the pass that begins.

        Args:
            positions: How many columns the pass computes.
            ids: Its tokens, `[batch, positions]`, if they are known.
            arguments: What the model is called with, by name.
            prompt: The length of the prompt; None takes the latest pass that began with an empty cache.
            first: How many positions were computed before; None asks the cache.
        """
        now = PassPosition(positions, ids, arguments, prompt, self._special, first=first)
        if prompt is None:
            if not now.first:
                self._prompt_seen = positions
            now = PassPosition(positions, ids, arguments, self._prompt_seen, self._special, first=first)
        for live, row in self._live:
            live.update(now if row is None else now.of_row(row))

    def _enliven(self, live: list[tuple[Live, int | None]]) -> None:
        self._live = live
        self.live = bool(live)
