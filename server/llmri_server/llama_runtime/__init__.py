"""The runtime for GGUF files, through llama.cpp.

Importing this loads no library; `load` needs llama-cpp-python, from the extra `gguf`.
"""

from llmri_server.llama_runtime.header import is_gguf
from llmri_server.llama_runtime.loader import load
from llmri_server.llama_runtime.options import Options
from llmri_server.llama_runtime.runtime import LlamaRuntime

__all__ = ["LlamaRuntime", "Options", "is_gguf", "load"]
