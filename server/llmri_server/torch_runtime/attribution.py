"""What each unit of one layer contributes to a logit, by the gradient of what comes after it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from llmri_protocol.messages import AttributionMethod
from llmri_server.runtime import Attributed, StoppedError
from llmri_server.torch_runtime.measuring import batch_of, last_logits
from llmri_server.torch_runtime.taps import Site, Tap, put, read

POINTS = (16, 64)  # of the path from zero: few at first, more where they don't add up
TOLERANCE = 0.01  # of the logit's change along the path, or of 1 where that is less
POWER = 4  # the points are dense near zero, where normalised activations change fastest
POSITIONS_AT_ONCE = 2048  # of one batch: what a gradient passes through is all kept


@dataclass(frozen=True)
class _Place:
    """A tap, and whether its tensor must be written to because others read it too."""

    tap: Tap
    in_place: bool


def attribute(
    model: PreTrainedModel,
    site: Site,
    layer: int,
    ids: Sequence[int],
    *,
    target: int | None = None,
    method: AttributionMethod = "gradient",
    stop: threading.Event | None = None,
) -> Attributed:
    """Attribute the logit after the sequence to the units of a site in one layer; see `Runtime.attribute`.

    `gradient` takes one forward and one backward pass, through what lies behind the site only. `integrated`
    takes one of each for every point of the path, in batches. The model is left as it was.

    Raises:
        StoppedError: `stop` was set before the last batch.
    """
    place = _Place(site.taps[layer], in_place=site.in_place)
    with torch.inference_mode(mode=False), torch.enable_grad(), _frozen(model):
        if method == "gradient":
            return _gradient(model, place, ids, target)
        return _integrated(model, place, ids, target, stop or threading.Event())


def _gradient(model: PreTrainedModel, place: _Place, ids: Sequence[int], target: int | None) -> Attributed:
    """Multiply each activation with the logit's slope along it (Simonyan et al. 2013)."""
    with _Opened(place, torch.ones(1)) as opened:
        logits = last_logits(model, batch_of(model, ids, 1), 1)[0, 0]
    chosen = int(logits.argmax()) if target is None else target
    return _attributed(chosen, logits, opened.value, opened.slopes(logits[chosen])[0])


def _integrated(
    model: PreTrainedModel, place: _Place, ids: Sequence[int], target: int | None, stop: threading.Event
) -> Attributed:
    """Average the slopes along the straight path from zero to the activations, all positions at once.

    The values add up to the logit less what it is with the whole site at zero ("completeness"; Sundararajan,
    Taly, Yan 2017), but for the error of the quadrature, which decides how many points are taken. It stays
    large in a residual stream that only goes through norms without bias: their output is the same all along
    the path and jumps at its very beginning.
    """
    with torch.no_grad(), _Opened(place, torch.tensor([1.0, 0.0])) as opened:
        logits, without = last_logits(model, batch_of(model, ids, 2), 1)[:, 0]
    chosen = int(logits.argmax()) if target is None else target
    total = float(logits[chosen]) - float(without[chosen])
    for points in POINTS:
        slopes = _mean_slopes(model, place, ids, chosen, points=points, stop=stop)
        found = _attributed(chosen, logits, opened.value, slopes)
        if abs(found.values.sum() - total) <= TOLERANCE * max(1.0, abs(total)):
            break
    return found


def _mean_slopes(
    model: PreTrainedModel,
    place: _Place,
    ids: Sequence[int],
    target: int,
    *,
    points: int,
    stop: threading.Event,
) -> Tensor:
    """Return the mean gradient over so many points of the path, `[positions, width]`."""
    nodes, weights = path(points)
    size = max(1, POSITIONS_AT_ONCE // len(ids))
    parts = []
    for start in range(0, points, size):
        if stop.is_set():
            raise StoppedError("the measurement was stopped before it had a result")
        part = slice(start, start + size)
        with _Opened(place, nodes[part]) as moved:
            ends = last_logits(model, batch_of(model, ids, len(nodes[part])), 1)[:, 0, target]
        slopes = moved.slopes(ends.sum())
        parts.append(torch.einsum("b,bpw->pw", weights[part].to(slopes), slopes))
    return torch.stack(parts).sum(dim=0)


def _attributed(target: int, logits: Tensor, value: Tensor, slopes: Tensor) -> Attributed:
    values = (value.float() * slopes).sum(dim=0)
    return Attributed(target, float(logits[target].detach()), values.cpu().numpy())


def path(points: int) -> tuple[Tensor, Tensor]:
    """Return points between 0 and 1 and their weights: Gauss-Legendre in u, for u to the power `POWER`."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    u = (nodes + 1) / 2
    return torch.tensor(u**POWER), torch.tensor(weights / 2 * POWER * u ** (POWER - 1))


class _Opened:
    """Inside, the model goes on from a place with a leaf of the graph: its tensor times `factors`, `[batch]`.

    Attributes:
        value: What the model itself computed for the first row, `[positions, width]`.
    """

    value: Tensor
    _leaf: Tensor

    def __init__(self, place: _Place, factors: Tensor) -> None:
        self._tap = place.tap
        self._in_place = place.in_place
        self._factors = factors

    def __enter__(self) -> Self:
        module = self._tap.module
        register = (
            module.register_forward_pre_hook if self._tap.side == "input" else module.register_forward_hook
        )
        self._handle = register(lambda _module, *values: self._put(values[-1]))
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    def slopes(self, logit: Tensor) -> Tensor:
        """Return the logit's gradient at the leaf, `[batch, positions, width]` in float32."""
        (gradient,) = torch.autograd.grad(logit, self._leaf)
        return self._by_row(gradient).float()

    def _put(self, value: object) -> object:
        """Return a hook's arguments or output with the leaf in its place."""
        tensor = read(self._tap, value)
        rows = self._by_row(tensor.detach())
        self.value = rows[0].clone()
        moved = rows * self._factors[:, None, None].to(rows)
        self._leaf = moved.reshape(tensor.shape).requires_grad_(torch.is_grad_enabled())
        copy = self._leaf.clone()  # the model may write to what it is given, never to a leaf
        if self._in_place:
            tensor.copy_(copy)
            return None
        return put(self._tap, value, copy)

    def _by_row(self, tensor: Tensor) -> Tensor:
        """Return a tensor whose batch and positions may be one axis as `[batch, positions, width]`."""
        return tensor.reshape(len(self._factors), -1, tensor.shape[-1])


@contextmanager
def _frozen(model: PreTrainedModel) -> Iterator[None]:
    """Let no parameter ask for a gradient inside."""
    asking = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)
