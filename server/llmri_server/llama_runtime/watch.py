"""A context whose passes feel edits, and give what they leave."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from llmri_server.llama_runtime.context import Context, Pass
from llmri_server.llama_runtime.interventions import Compiled
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.node_handlers import NodeHandlers
from llmri_server.llama_runtime.observer import Observer
from llmri_server.llama_runtime.recognition import Recogniser
from llmri_server.llama_runtime.sites import Discovery
from llmri_server.runtime import SiteLayers

Floats = npt.NDArray[np.float32]


class Watch:
    """Runs passes over one sequence.

    Attributes:
        context: llama.cpp's, with the keys and values of the sequence.
        observer: Sees its nodes.
    """

    def __init__(self, model: Model, discovery: Discovery, special: frozenset[int]) -> None:
        self._ggml = model.engine.ggml
        self._sites = discovery.sites
        self._special = special
        self.observer = Observer(self._ggml, Recogniser(self._ggml, discovery.marks))
        self.context = Context(model, self.observer, discovery.flash_attention)
        self._stops = self._prepared(Compiled(), ())

    def run(
        self,
        ids: Sequence[int],
        *,
        first: int,
        prompt: int,
        compiled: Compiled,
        wanted: SiteLayers = (),
        kept: int = 0,
        logits: int = 0,
        whole: bool = True,
    ) -> tuple[Mapping[str, Floats], Floats]:
        """Compute positions that fit into one pass.

        Args:
            ids: Their tokens.
            first: The number of the first; so many are in the context.
            prompt: How many first positions of the conversation are prompt.
            compiled: The edits.
            wanted: Whose activations to give, and in which layers.
            kept: Of how many last positions.
            logits: How many last positions give logits.
            whole: Whether the sequence that is read ends here.

        Returns:
            Float32 `[kept positions, layers, width]` a site, the caller's own; and `[logits, vocabulary]`
            over llama.cpp's memory, good until the next pass.

        Raises:
            RuntimeError: llama.cpp failed, or what happened at a node did.
        """
        stops = self._stops
        if stops.compiled is not compiled or stops.wanted is not wanted:
            stops = self._stops = self._prepared(compiled, wanted)
        flagged = max(logits, kept if kept and stops.reads_cut_rows else 0)
        outputs = tuple(range(len(ids) - flagged, len(ids)))
        now = Pass(tuple(ids), first, prompt, outputs, whole)
        stops.begin(now, kept if wanted else 0)
        self.context.decode(now)
        return stops.kept, self.context.logits(now)[flagged - logits :]

    def _prepared(self, compiled: Compiled, wanted: SiteLayers) -> NodeHandlers:
        stops = NodeHandlers(self._ggml, self._sites, self._special, compiled, wanted)
        self.observer.attend(stops.at)
        return stops
