"""Taps: the module of each layer at which a site is read, and how."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from llmri_server.torch_runtime.architectures import Architecture, Side, SiteName, SitePath


@dataclass(frozen=True, eq=False)
class Tap:
    """A place where a tensor passes: a module's first positional argument, or its output.

    `element` picks from an output that is a tuple and is None where it is a tensor. `factor` is what
    the model multiplies the tensor with before it adds it to the residual stream.
    """

    module: nn.Module
    side: Side
    element: int | None = None
    factor: float | None = None


@dataclass(frozen=True, eq=False)
class Site:
    """A verified site: a tap a layer, all `width` wide.

    Attributes:
        name: Its name.
        taps: Where it is, a tap a layer.
        width: Its units.
        overwritten: Whether the model writes into the tensor later in the same pass, so that a reference
            would not do.
        editable: Whether an edit reaches all that reads the tensor.
        mixed: Whether some layers give `[batch, positions, width]` and others `[batch * positions, width]`.
    """

    name: SiteName
    taps: tuple[Tap, ...]
    width: int
    overwritten: bool
    editable: bool = True
    mixed: bool = False

    @property
    def in_place(self) -> bool:
        """Whether edits are written into the model's own tensor: not only the tap's module reads it."""
        return self.name == "resid_mid"


Taps = Mapping[SiteName, tuple[Tap, ...]]


def read(tap: Tap, value: object) -> Tensor:
    """Return the tap's tensor from a hook's arguments (a tuple) or output.

    Raises:
        TypeError: There is no tensor at this place.
    """
    if isinstance(value, tuple | list) and value:
        value = value[tap.element or 0]
    if not isinstance(value, Tensor):
        raise TypeError(
            f"the {tap.side} of {type(tap.module).__name__} is no tensor but {type(value).__name__}"
        )
    return value


def put(tap: Tap, value: object, tensor: Tensor) -> object:
    """Return a hook's arguments or output with another tensor in the tap's place."""
    if not isinstance(value, tuple):
        return tensor
    element = tap.element or 0
    return (*value[:element], tensor, *value[element + 1 :])


def bind(model: PreTrainedModel, architecture: Architecture) -> dict[SiteName, tuple[Tap | None, ...]]:
    """Return a tap a layer of every site that the architecture names, None where a block lacks its module."""
    blocks = list(model.get_submodule(architecture.blocks).children())
    config = model.config.get_text_config()
    return {
        name: tuple(_tap(block, path, config) if _exists(block, path, config) else None for block in blocks)
        for name, path in architecture.sites.items()
    }


def _exists(block: nn.Module, path: SitePath, config: PreTrainedConfig) -> bool:
    if any(getattr(config, key, None) != value for key, value in path.when.items()):
        return False
    if path.times is not None and not hasattr(config, path.times):
        return False
    return path.module in dict(block.named_modules())


def _tap(block: nn.Module, path: SitePath, config: PreTrainedConfig) -> Tap:
    factor = None if path.times is None else float(getattr(config, path.times))
    return Tap(block.get_submodule(path.module), path.side, path.element, factor)
