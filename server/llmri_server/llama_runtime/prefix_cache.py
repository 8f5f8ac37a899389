"""What a context keeps of the conversation between turns: whose keys and values, and under which edits."""

from collections.abc import Sequence

from llmri_server.edits.provenance import Computed, Provenance
from llmri_server.llama_runtime.watch import Watch
from llmri_server.pass_runs import Applied, PassLog, Runs
from llmri_server.runtimes.common.keeping import Keeping


class Memory:
    """The tokens whose keys and values a context keeps.

    Entries stay as they were computed, with the edits that stood then. Other threads may read `ids` and
    `provenance` at any time.

    Args:
        watch: The context.
        layers: The model's.
        keeping: What its memory allows.

    Attributes:
        watch: The context.
    """

    def __init__(self, watch: Watch, layers: int, keeping: Keeping) -> None:
        self.watch = watch
        self._keeping = keeping
        self._ids: list[int] = []
        self._log = PassLog()
        self._computed = Computed(layers)

    @property
    def ids(self) -> tuple[int, ...]:
        """The tokens that were computed; while a turn runs, all tokens so far."""
        return tuple(self._ids)

    @property
    def goes_on(self) -> bool:
        """Whether anything is ever kept."""
        return self._keeping.goes_on

    @property
    def provenance(self) -> Provenance:
        """Under which edits the kept positions were computed."""
        return self._computed.provenance

    @property
    def length(self) -> int:
        """How many positions were computed."""
        return self._computed.length

    @property
    def runs(self) -> Runs:
        """How the positions of the latest turn and those before it were computed."""
        return self._log.runs

    def forget(self) -> None:
        """Keep nothing, so that the next prompt is computed from its first token."""
        self._cut(0)
        self._log = PassLog()

    def take(self, prompt: Sequence[int]) -> int:
        """Keep what a prompt shares with the conversation; give how many of its first tokens are computed.

        At least one is left to compute. None are kept where the memory cannot be cut back or continued.
        """
        pairs = zip(self._ids[: self.length], prompt, strict=False)
        same = next((number for number, (one, other) in enumerate(pairs) if one != other), None)
        shared = min(self.length if same is None else same, len(prompt) - 1)
        self._cut(shared if self._may_be_cut(shared) else 0)
        self._ids = list(prompt)
        self._log.turn(self.length, prompt)
        return self.length

    def computed(self, applied: Applied, positions: int) -> None:
        """Learn that so many further positions were computed under these edits."""
        self._computed.add(applied.edits, positions)
        self._log.add(applied.edits, applied.revision, positions)

    def read(self, token: int) -> None:
        """Learn of a token that the running turn will compute next."""
        self._ids.append(token)

    def settle(self) -> None:
        """Learn that the turn is over: the last token that was chosen was never computed."""
        del self._ids[self.length :]
        if not self.goes_on:
            self._computed.cut(0)

    def renewed(self, watch: Watch, ids: Sequence[int], applied: Applied) -> None:
        """Keep another context's keys and values of these tokens, all computed under these edits."""
        self.watch = watch
        self._ids = list(ids)
        self._computed.renew(applied.edits, len(ids))
        self._log.renew(applied.edits, applied.revision, ids)

    def _may_be_cut(self, length: int) -> bool:
        """Whether the memory may be continued behind its first positions; what was forgotten is lost."""
        if length == self.length:
            return self._keeping.goes_on
        return self._keeping.cuts and self.watch.context.holds_all

    def _cut(self, length: int) -> None:
        kept = length if self.watch.context.keep(length) else 0
        self._computed.cut(kept)
        del self._ids[kept:]
