"""The logit lens is that of PyTorch."""

from collections.abc import Callable

import numpy as np
import pytest

from llmri_protocol.messages import Edit
from llmri_server.llama_runtime import load
from llmri_server.runtime import LensRuntime, NonFiniteError
from llmri_server.torch_runtime import TorchRuntime
from tests.gguf_models import FAMILIES, GgufModel
from tests.server.llama_runtime.conftest import EXACT

IDS = (5, 104, 101, 9, 99, 31, 260)
STEER = Edit(site="resid_post", layer=1, units=(3, 4), op="add", value=2.0, positions="last")

Tiny = Callable[[str], GgufModel]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_says_what_it_says_in_pytorch(
    tiny: Tiny, in_torch: Callable[[str], TorchRuntime], family: str
) -> None:
    runtime = load(tiny(family).path, EXACT)
    assert isinstance(runtime, LensRuntime)
    assert runtime.card.lens
    tolerance = 1e-2 if family == "gemma2" else 1e-4
    for edits in ((), (STEER,)):
        found, expected = (some.lens(IDS, edits) for some in (runtime, in_torch(family)))
        np.testing.assert_allclose(found, expected, atol=tolerance)
        answer = runtime.measure(IDS, [edits]).logits[0, -1]
        np.testing.assert_allclose(found[-1], answer, atol=tolerance)


def test_logits_that_are_no_numbers_are_refused(tiny: Tiny) -> None:
    runtime = load(tiny("llama").path, EXACT)
    with pytest.raises(NonFiniteError, match="infinite or not a number under"):
        runtime.lens(IDS, [Edit(site="resid_post", layer=1, units=tuple(range(32)), value=3e38)])
