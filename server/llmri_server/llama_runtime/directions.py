"""What the passes of a turn feel and keep: asked before each of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from llmri_protocol.messages import Edit
from llmri_server.edits.baselines import Baselines
from llmri_server.llama_runtime.interventions import Compiled, Compiler
from llmri_server.llama_runtime.interventions.gates import Floats
from llmri_server.pass_runs import Applied
from llmri_server.runtime import CapturePlan


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
