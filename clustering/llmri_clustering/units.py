"""Which unit each column of a sample is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class UnitSet:
    """The units of one site that are clustered together, from one layer or from several.

    Attributes:
        site: The site, such as `mlp_act`.
        layer: Layer of each unit, `[units]`.
        index: Its index in that layer, `[units]`.
    """

    site: str
    layer: npt.NDArray[np.int32]
    index: npt.NDArray[np.int32]

    @classmethod
    def of_layers(cls, site: str, layers: Sequence[int], width: int) -> Self:
        """Take all `width` units of each layer, layer by layer, as a scan `[layers, width]` has them."""
        return cls(
            site,
            np.repeat(np.asarray(layers, dtype=np.int32), width),
            np.tile(np.arange(width, dtype=np.int32), len(layers)),
        )

    def __len__(self) -> int:
        return len(self.layer)

    def among(self, places: Collection[tuple[int, int]]) -> npt.NDArray[np.bool_]:
        """Tell which units stand at one of some places, each a layer and an index in it, `[units]`."""
        pairs = zip(self.layer.tolist(), self.index.tolist(), strict=True)
        return np.fromiter((pair in places for pair in pairs), dtype=np.bool_, count=len(self))
