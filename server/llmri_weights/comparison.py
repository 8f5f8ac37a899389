"""Two checkpoints, tensor by tensor, whatever their formats: which of the tensors changed, and how much."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from llmri_weights.adapters import adapted, is_adapter
from llmri_weights.aligned import Aligned, aligned
from llmri_weights.checkpoint import Checkpoint
from llmri_weights.difference import Difference, Metric, difference
from llmri_weights.errors import WeightsError

EMBEDDING, HEAD = "token_embd.weight", "output.weight"


@dataclass(frozen=True)
class Compared:
    """A tensor that one of two checkpoints has, or both.

    Attributes:
        first: In the first, or None.
        second: In the second, or None.
        difference: How far they are apart, or None where they can't be compared.
        note: Why they can't, or what else is to be said; else nothing.
        faulty: Whether they should have been comparable.
    """

    first: Aligned | None
    second: Aligned | None
    difference: Difference | None
    note: str = ""
    faulty: bool = False

    @property
    def name(self) -> str:
        """Return what the first checkpoint calls it, else the second."""
        found = self.first or self.second
        return found.name if found else ""


def compare(
    first: Checkpoint,
    second: Checkpoint,
    metric: Metric = Metric.RMS,
    *,
    finetune: bool = False,
    on_tensor: Callable[[int], object] = lambda _number: None,
) -> list[Compared]:
    """Return every tensor of two checkpoints, those that changed most first.

    Args:
        first: The one that is measured against.
        second: The other; an adapter is compared as what it makes of its targets.
        metric: How elements are shown.
        finetune: Whether the second is made from the first, so that it may have nothing of its own.
        on_tensor: Is told how many more are done.

    Raises:
        WeightsError: They have no tensor in common, or a fine-tune has what its base has not.
    """
    here = aligned(first)
    there = adapted(here, second) if is_adapter(second) else aligned(second)
    here, there = _with_heads(here, there)
    if not set(here) & set(there):
        raise WeightsError(f"{first.name} and {second.name} have no tensor in common")
    if finetune:
        _check_finetune(first.name, second.name, here, there)
    found = []
    for pair in _pairs(here, there, adapter=is_adapter(second)):
        found.append(_compared(*pair, metric))
        on_tensor(1)
    return sorted(found, key=_how_much)


def _with_heads(
    here: Mapping[str, Aligned], there: Mapping[str, Aligned]
) -> tuple[dict[str, Aligned], dict[str, Aligned]]:
    """Return both, each with its embedding for a head where only the other has one of its own: it is tied."""
    both = dict(here), dict(there)
    for one, other in (both, both[::-1]):
        if HEAD not in one and HEAD in other and EMBEDDING in one:
            one[HEAD] = replace(one[EMBEDDING], name=other[HEAD].name)
    return both


def _check_finetune(base: str, name: str, here: Mapping[str, Aligned], there: Mapping[str, Aligned]) -> None:
    new = [tensor.name for key, tensor in there.items() if key not in here]
    if new:
        raise WeightsError(f"{name} is no fine-tune of {base}: it has `{new[0]}`, which the base has not")
    for key, tensor in there.items():
        if tensor.shape != here[key].shape:
            raise WeightsError(
                f"{name} is no fine-tune of {base}: `{tensor.name}` is {list(tensor.shape)}, "
                f"in the base {list(here[key].shape)}"
            )


def _pairs(
    here: Mapping[str, Aligned], there: Mapping[str, Aligned], *, adapter: bool
) -> Iterator[tuple[Aligned | None, Aligned | None]]:
    for key in here:
        if key in there or not adapter:
            yield here[key], there.get(key)
    for key in there:
        if key not in here:
            yield None, there[key]


def _compared(first: Aligned | None, second: Aligned | None, metric: Metric) -> Compared:
    if first is None or second is None:
        return Compared(first, second, None, "only in the first" if first else "only in the second")
    if first.shape != second.shape:
        return Compared(first, second, None, f"shape {list(first.shape)} against {list(second.shape)}")
    try:
        return Compared(first, second, difference(first.matrix(), second.matrix(), metric))
    except WeightsError as error:
        return Compared(first, second, None, str(error), faulty=True)


def _how_much(compared: Compared) -> tuple[int, float]:
    """Return a key that sorts what changed most before what changed less, and what can't be compared last."""
    if compared.difference is None:
        return 2, 0.0
    if compared.difference.relative is None:
        return 1, -(compared.difference.rms or 0.0)
    return 0, -compared.difference.relative
