"""What llama.cpp computes while it answers, tensor by tensor, in a JSON file: no viewer and no patch.

`TensorCollector` watches a plain `llama_cpp.Llama`; `llmri capture` is the same from a terminal. It needs the
extra `gguf`.
"""

from llmri.capture.document import Capture, Observation, Statistics, Trial, read_capture
from llmri.capture.errors import CaptureError
from llmri.capture.tensor_collector import TensorCollector

__all__ = [
    "Capture",
    "CaptureError",
    "Observation",
    "Statistics",
    "TensorCollector",
    "Trial",
    "read_capture",
]
