"""The runtime for models of Hugging Face transformers."""

from llmri_server.torch_runtime.assembly import assemble
from llmri_server.torch_runtime.installation import Clock
from llmri_server.torch_runtime.loader import load
from llmri_server.torch_runtime.recording import Recording
from llmri_server.torch_runtime.runtime import TorchRuntime

__all__ = ["Clock", "Recording", "TorchRuntime", "assemble", "load"]
