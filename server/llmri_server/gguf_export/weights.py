"""The tensors of a folder, one at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from llmri_server.gguf_export.errors import ExportError

Floats = npt.NDArray[np.float32]


def read_weights(folder: Path) -> Iterator[tuple[str, Floats]]:
    """Yield every tensor's name and values, over all `.safetensors` files in the folder.

    Raises:
        ExportError: There is no such file, or none can be read.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415  torch is slow to import

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ExportError(f"{folder} holds no .safetensors file")
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  it is no mapping
                    yield name, file.get_tensor(name).float().numpy()
        except SafetensorError as error:
            raise ExportError(f"{path} cannot be read: {error}") from error
