"""Positions of a conversation computed again as they were, run by run, on a cache of their own."""

from collections.abc import Callable

import torch
from transformers import DynamicCache, PreTrainedModel

from llmri_protocol.messages import Phase
from llmri_server.pass_runs import PassRun, as_computed, chunks
from llmri_server.runtime import Rerun, ScanEvent, StoppedError, UnsupportedError
from llmri_server.torch_runtime.hook_manager import HookManager
from llmri_server.torch_runtime.hooks import CapturedSite
from llmri_server.torch_runtime.interventions import NO_REPLY
from llmri_server.torch_runtime.keeping import CacheKeeping
from llmri_server.torch_runtime.nonfinite import few_logits
from llmri_server.torch_runtime.scan_transfer import SCAN_DTYPES, last_positions, on_host

LARGEST = 512  # positions of a pass
LOGIT_BYTES = 128 << 20  # of one pass, in float32

Take = Callable[[ScanEvent], None]


def rerun(model: PreTrainedModel, instruments: HookManager, keeping: CacheKeeping, request: Rerun) -> None:
    """Compute a sequence run by run; see `Runtime.rerun`.

    Raises:
        StoppedError: `stop` was set.
        UnsupportedError: It takes several passes, and the model's state cannot be continued.
    """
    ids, first, steps = request.ids, request.first, keeping.whole.steps
    width = int(model.config.get_text_config().vocab_size)
    largest = LARGEST if request.last <= 1 else max(1, min(LARGEST, LOGIT_BYTES // (4 * width)))
    pieces = list(chunks(request.runs, len(ids), largest if steps else len(ids)))
    if len(pieces) > 1 and not steps:
        raise UnsupportedError(
            f"these tokens were computed in {len(pieces)} runs of other edits, and this model's state "
            "cannot be continued from one into the next"
        )
    cache = DynamicCache(config=model.config) if steps else None
    given = {"use_cache": False} if cache is None else {"past_key_values": cache, "use_cache": True}
    for start, end, run in pieces:
        if request.stop.is_set():
            raise StoppedError("computing the tokens again was stopped")
        instruments.converse(run.conversation)
        receiver = _Rows(request.take, run, start, end, first)
        tokens = torch.tensor([ids[start:end]], device=model.device)
        with (
            torch.no_grad(),
            instruments.attached(
                receiver,
                recorded=request.sites if end > first else (),
                variants=[as_computed(run, start, end)],
                prompt=NO_REPLY if run.prompt is None else run.prompt,
                start=start,
            ),
        ):
            wanted = request.logits_between(start, end)
            some = few_logits(model) if wanted <= 1 else {}
            logits = model(tokens, **given, **some).logits
        if wanted and request.logits is not None:
            request.logits(end - wanted, logits[0, -wanted:].float().cpu().numpy())


class _Rows:
    """Hands on what one pass leaves, a scan a position."""

    def __init__(self, take: Take, run: PassRun, start: int, end: int, first: int) -> None:
        self._take = take
        self._run = run
        self._start = max(start, first)
        self._end = end
        prompt = run.prompt
        self._phase: Phase = "prompt" if prompt is None or start < prompt else "generate"

    def kept(self, kept: CapturedSite) -> None:
        """Take the tensors of one site."""
        dtype = SCAN_DTYPES[kept.tensors[0].dtype]
        positions = on_host([last_positions(kept.tensors, self._end - self._start)])
        for number, rows in enumerate(positions, self._start):
            self._take(
                ScanEvent(number, self._phase, kept.site.name, kept.layers, dtype, rows, self._run.revision)
            )

    def passed(self, positions: int) -> None:
        """Nothing is counted here: each pass is told where it begins."""
