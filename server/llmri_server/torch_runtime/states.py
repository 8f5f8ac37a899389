"""States that modules keep as attributes of their own, beside the cache that a model is given."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def states_left(model: nn.Module) -> Iterator[None]:
    """Let passes inside leave such states as they were, as in the middle of a reply.

    They are neither parameters nor buffers: tensors, or None before there was one.
    """
    before = [
        (module, name, value.clone() if isinstance(value, Tensor) else None)
        for module in model.modules()
        for name, value in vars(module).items()
        if value is None or isinstance(value, Tensor)
    ]
    try:
        yield
    finally:
        for module, name, value in before:
            if getattr(module, name) is not value:
                setattr(module, name, value)
