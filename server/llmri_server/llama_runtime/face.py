"""What others use of llama.cpp beside a runtime: the library, files not yet loaded, a callback's nodes.

Nothing else of this package is for them, but for what the package itself names.
"""

from llmri_server.llama_runtime.engine import Engine, engine
from llmri_server.llama_runtime.ggml import Ggml, Tensor, is_contiguous
from llmri_server.llama_runtime.header import check_file, not_loaded
from llmri_server.llama_runtime.observer import noticed
from llmri_server.llama_runtime.options import Options
from llmri_server.llama_runtime.preview import context_for

__all__ = [
    "Engine",
    "Ggml",
    "Options",
    "Tensor",
    "check_file",
    "context_for",
    "engine",
    "is_contiguous",
    "not_loaded",
    "noticed",
]
