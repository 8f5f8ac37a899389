"""One decode at load that shows which nodes are there, and what they hold."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from llmri_server.llama_runtime.architectures import Node
from llmri_server.llama_runtime.context import Context
from llmri_server.llama_runtime.ggml import Ggml, Tensor
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.observer import Callback, unreadable
from llmri_server.llama_runtime.options import FlashAttention
from llmri_server.llama_runtime.passes import Pass
from llmri_server.llama_runtime.recognition import Label, Recogniser
from llmri_server.llama_runtime.unraised import noticed

POSITIONS, OUTPUTS = 3, 2  # different, so that a tensor's rows tell which of both they are


@dataclass(frozen=True)
class Sighting:
    """What a node showed: its units, whether it only has rows that give logits, and why it is unreadable."""

    width: int
    cut: bool
    problem: str | None


def probe(
    model: Model, candidates: Mapping[str, Sequence[Node]], flash_attention: FlashAttention
) -> dict[Label, Sighting]:
    """Decode a few tokens and look at every node that may belong to a site."""
    surveyor = _Surveyor(model.engine.ggml, Recogniser(model.engine.ggml, candidates))
    context = Context(model, surveyor, flash_attention)
    spread = tuple(model.tokens * step // (POSITIONS + 1) for step in range(1, POSITIONS + 1))
    context.decode(Pass(spread, 0, POSITIONS, tuple(range(POSITIONS - OUTPUTS, POSITIONS))))
    return surveyor.sightings


class _Surveyor:
    """Asks for no node, and remembers how those look that it recognises before they are computed."""

    def __init__(self, ggml: Ggml, recogniser: Recogniser) -> None:
        self._ggml = ggml
        self._recogniser = recogniser
        self._failure: BaseException | None = None
        self.sightings: dict[Label, Sighting] = {}
        self.callback = Callback(self._look)

    def begin(self, count_reused: Callable[[], int]) -> None:  # noqa: ARG002 - one graph, seen once
        self.sightings.clear()

    def attentive(self) -> AbstractContextManager[None]:
        return noticed(self._look, self._fail)

    def end(self, *, complete: bool) -> None:  # noqa: ARG002 - llama.cpp's own problem is raised by the context
        if self._failure is not None:
            raise self._failure

    def _look(self, address: int) -> bool:
        try:
            for label in self._recogniser.labels(address):
                self.sightings[label] = self._sighting(Tensor.from_address(address), label in self.sightings)
        except BaseException as error:
            self._fail(error)
        return False

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def _sighting(self, tensor: Tensor, again: bool) -> Sighting:
        name = tensor.name.decode(errors="replace")
        problem = f"there are two nodes `{name}`" if again else unreadable(self._ggml, tensor)
        shape = [length for length in tensor.ne if length > 1]
        rows = shape[-1] if shape else 1
        width = 1
        for length in shape[:-1]:
            width *= length
        if rows not in (POSITIONS, OUTPUTS):
            problem = problem or f"the node `{name}` has {rows} rows for {POSITIONS} tokens"
        return Sighting(width, rows == OUTPUTS, problem)
