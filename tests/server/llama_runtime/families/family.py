"""What a family is: how its twin is made, how its file is written, and where its sites are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import transformers
from torch import Tensor, nn
from transformers import PreTrainedModel

Change = Callable[[Tensor], Tensor | Mapping[str, Tensor]]  # or parts, by what stands in their names instead
Value = bool | int | float | str | list[bool] | list[int] | list[float]
Side = Literal["in", "out"]

EXACT = 1e-4  # how far float32 may be from float32, over the length
GELU_TABLE = 5e-3  # llama.cpp looks GELU up in a table of float16


@dataclass(frozen=True)
class Spot:
    """What goes into a module of a block of the twin, or comes out of it.

    Attributes:
        module: Its name inside the block; empty for the block itself.
        side: Before or after it.
        factor: What the block multiplies it with before it is added to the residual stream.
        read: How the values are read from what passes; by default it is they, or the first of them.
    """

    module: str
    side: Side
    factor: float = 1.0
    read: Callable[..., Tensor] | None = None


@dataclass(frozen=True)
class Family:
    """An architecture of llama.cpp with a model in PyTorch that computes the same.

    Attributes:
        architecture: The file's `general.architecture`.
        twin: Makes the model; its weights are made random afterwards.
        sites: Where each site but `resid_pre` and `resid_post` is in each of its blocks.
        differences: Sites that no module of the twin shows, each as one site less another.
        absent: Why a site is not there.
        values: What the file says besides what all of them say, by key: behind the architecture's name, or
            alone after a slash. None leaves out what the others say.
        changes: How tensors differ from the checkpoint's, by the end of their names there.
        names: Names of tensors that `gguf` does not know, by patterns of theirs in the checkpoint.
        tolerance: How far a site may be from the twin's, over its length.
    """

    name: str
    architecture: str
    twin: Callable[[], nn.Module]
    sites: Mapping[str, Spot]
    differences: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Value | None] = field(default_factory=dict)
    changes: Mapping[str, Change] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = EXACT


def twin_of(model: str, **config: Any) -> Callable[[], PreTrainedModel]:
    """Say how a model of transformers is made, by its class and the values of its config."""

    def make() -> PreTrainedModel:
        kind = getattr(transformers, model)  # imported when it is made: there are many
        made: PreTrainedModel = kind(kind.config_class(**config))
        return made

    return make
