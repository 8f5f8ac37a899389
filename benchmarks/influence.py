"""What an influence map and an attribution cost, beside forward and backward passes over the same context."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.models import llama_16_by_2048, pocket
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, milliseconds
from benchmarks.runs import Advance, Findings, Track, run
from llmri_protocol.messages import Edit
from llmri_server.measuring import influence
from llmri_server.torch_runtime import TorchRuntime

SITE = "resid_post"
FORWARD, BACKWARD = "a forward pass", "a backward pass"
MAP, GRADIENT = "an influence map", "attribution by gradient"


@dataclass(frozen=True)
class Case:
    """A model, and over how many tokens it is measured."""

    title: str
    model: Callable[[], TorchRuntime]
    tokens: int
    rounds: int


CASES = (
    Case("pocket", pocket, 128, 12),
    Case("16 layers x 2048 in bfloat16", llama_16_by_2048, 32, 4),
)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure every case; `rounds` replaces the number of rounds."""
    for case in CASES:
        yield measure(case, track, rounds or case.rounds)


def measure(case: Case, track: Track, rounds: int) -> Section:
    """Measure one case."""
    contestants = contestants_of(case, case.model())
    for warm_up in contestants.values():
        warm_up()

    def take_turns(advance: Advance) -> Runs[float]:
        return interleave(contestants, rounds, advance)

    steps = 2 * rounds * len(contestants)
    return run(f"Influence and attribution, {case.title}", steps, take_turns, partial(findings, case), track)


def contestants_of(case: Case, runtime: TorchRuntime) -> dict[str, Callable[[], float]]:
    """Return what takes turns; each gives its seconds.

    Ours are the dearest there are: the edited and the attributed layer is the first, all others follow.
    """
    rng = np.random.default_rng(0)
    ids = tuple(rng.integers(runtime.card.vocabulary, size=case.tokens).tolist())
    edit = Edit(site=SITE, layer=0, units=(7,), value=0.0)
    stop = threading.Event()
    ours: dict[str, Callable[[], object]] = {
        FORWARD: lambda: forward(runtime, ids),
        MAP: lambda: influence(runtime, ids, (edit,), SITE, progress=ignore, stop=stop),
        GRADIENT: lambda: runtime.attribute(ids, SITE, 0),
    }
    return {name: partial(seconds, work) for name, work in ours.items()} | {
        BACKWARD: lambda: backward(runtime, ids)
    }


def forward(runtime: TorchRuntime, ids: tuple[int, ...]) -> Tensor:
    """Run the bare model without a cache, for the logits of the last position."""
    with torch.inference_mode():
        logits: Tensor = runtime.model(torch.tensor([ids]), use_cache=False, logits_to_keep=1).logits
    return logits


def backward(runtime: TorchRuntime, ids: tuple[int, ...]) -> float:
    """Return the seconds of a bare backward pass from a logit to the embedding, without its forward's."""
    model = runtime.model.requires_grad_(requires_grad=False)
    leaf = model.get_input_embeddings()(torch.tensor([ids])).requires_grad_()
    logit = model(inputs_embeds=leaf, use_cache=False, logits_to_keep=1).logits[0, -1].max()
    return seconds(lambda: torch.autograd.grad(logit, leaf))


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ignore(done: int, total: int, what: str) -> None:
    """Take no notice of progress."""


def findings(case: Case, runs: Runs[float]) -> Findings:
    """Work out the table."""
    took = per_round(runs, lambda each: each)
    bound = [3 * ahead + back for ahead, back in zip(took[FORWARD], took[BACKWARD], strict=True)]
    return Findings(
        rows=(
            Row(f"{MAP} / {FORWARD}", ratio(took[MAP], took[FORWARD]), Gate(2.5)),
            Row(f"{GRADIENT} / (3 forward passes + a backward)", ratio(took[GRADIENT], bound), Gate(1.0)),
            *(Row(name, spread(took[name]), write=milliseconds) for name in took),
        ),
        notes=(
            f"Over {case.tokens} tokens, `{SITE}` of all layers, edited and attributed in the first. The "
            "bare passes are the library's own model: forward for one logit, backward to the embedding with "
            "frozen weights.",
        ),
    )
