"""What llama.cpp computes while it answers, tensor by tensor, in a JSON file: no viewer and no patch.

`TensorCollector` watches a plain `llama_cpp.Llama`; `llmri capture` is the same from a terminal. It needs the
extra `gguf`.
"""

from llmri.capture.collector import TensorCollector
from llmri.capture.document import Capture, Observation, Statistics, Trial, read_capture
from llmri.capture.errors import CaptureError

__all__ = [
    "Capture",
    "CaptureError",
    "Observation",
    "Statistics",
    "TensorCollector",
    "Trial",
    "read_capture",
]
