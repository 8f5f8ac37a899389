"""From a Hugging Face folder to a GGUF file: our own exporter, for small models and for tests.

It knows eight architectures and byte-level BPE vocabularies, and refuses by name what it does not know.
`python -m llmri_server.gguf_export FOLDER FILE` runs it; it needs the extras `server` and `gguf`.
"""

from llmri_server.gguf_export.errors import ExportError
from llmri_server.gguf_export.exporting import export_gguf
from llmri_server.gguf_export.precision import PRECISIONS, Precision

__all__ = ["PRECISIONS", "ExportError", "Precision", "export_gguf"]
