"""An MRI for language models: watch one think, token by token, and touch it while it does.

`connect` gives a client of a running model server; the `llmri` command starts servers and viewers.
"""

from llmri.client import Client, ConnectionEndedError, RefusedError, connect
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import Edit, SamplingWish

__all__ = ["Client", "ConnectionEndedError", "Edit", "RefusedError", "SamplingWish", "array_of", "connect"]
