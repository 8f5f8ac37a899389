"""Positions of a conversation computed again as they were, run by run, in the context beside it."""

from collections.abc import Sequence

from llmri_protocol.messages import Edit, Phase
from llmri_server.edits.baselines import Baselines
from llmri_server.llama_runtime.context import NO_REPLY
from llmri_server.llama_runtime.interventions import Compiled, Compiler
from llmri_server.llama_runtime.interventions.gates import Floats
from llmri_server.llama_runtime.watch import Watch
from llmri_server.pass_runs import as_computed, chunks
from llmri_server.runtime import Rerun, ScanEvent, StoppedError


def rerun(watch: Watch, compiler: Compiler, baselines: Baselines[Floats], request: Rerun) -> None:
    """Compute a sequence run by run; see `Runtime.rerun`. What the context kept before is gone.

    Raises:
        StoppedError: `stop` was set.
    """
    ids, first, sites = request.ids, request.first, request.sites
    pieces = [
        (start, end, run, _based(compiler, baselines, run.conversation, as_computed(run, start, end)))
        for start, end, run in chunks(request.runs, len(ids), watch.context.largest)
    ]  # means are measured in this context, too, and so before it is used
    watch.context.keep(0)
    for start, end, run, compiled in pieces:
        if request.stop.is_set():
            raise StoppedError("computing the tokens again was stopped")
        kept = max(0, end - max(start, first))
        wanted = request.logits_between(start, end)
        rows, logits = watch.run(
            ids[start:end],
            first=start,
            prompt=NO_REPLY if run.prompt is None else run.prompt,
            compiled=compiled,
            wanted=sites,
            kept=kept,
            logits=max(1, wanted),
        )
        if wanted and request.logits is not None:
            request.logits(end - wanted, logits[-wanted:])
        phase: Phase = "prompt" if run.prompt is None or start < run.prompt else "generate"
        for site, layers in sites if kept else ():
            for offset, each in enumerate(rows[site]):
                request.take(ScanEvent(end - kept + offset, phase, site, layers, "f32", each, run.revision))


def _based(
    compiler: Compiler, baselines: Baselines[Floats], conversation: Sequence[int], edits: Sequence[Edit]
) -> Compiled:
    """Compile edits whose means are over a conversation."""
    baselines.converse(conversation)
    return compiler.compile(edits)
