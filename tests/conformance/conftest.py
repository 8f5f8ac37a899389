"""The engines that the suite holds to one meaning of edits; an engine is added here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from llmri_server.llama_runtime import Options, load
from llmri_server.llama_runtime.sites import OF_EXPERTS  # which transformers shows nowhere
from llmri_server.runtime import CapturePlan
from llmri_server.torch_runtime import assemble
from tests import gguf_models
from tests.conformance.by_hand import ByHand
from tests.conformance.under_test import RuntimeUnderTest
from tests.server.torch_runtime.tiny_models import byte_tokenizer, tiny_model

FAMILIES = ("llama", "gpt2", "opt", "gpt_neox", "gemma2", "falcon", "granite", "mixtral", "qwen3", "phi3")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
ENGINES = (
    *(f"torch {family} {dtype}" for family in FAMILIES for dtype in DTYPES),
    *(f"llama.cpp {family} float32" for family in gguf_models.FAMILIES),
)

# How far llama.cpp may be from PyTorch with the same float32 weights; its GELU is a table in float16.
ROUNDING, COARSE_GELU = 1e-4, 1e-2

Tokenizer = PreTrainedTokenizerFast


def torch_under_test(family: str, dtype: str, tokenizer: Tokenizer, **changes: object) -> RuntimeUnderTest:
    """Return PyTorch with a tiny random model, whose edits equal those by hand bit for bit."""
    runtime = assemble(tiny_model(family, DTYPES[dtype], **changes), tokenizer, name=f"tiny {family}")
    runtime.model.generation_config.eos_token_id = None
    return RuntimeUnderTest(runtime, ByHand(runtime, family))


def llama_under_test(family: str, folder: Path) -> RuntimeUnderTest:
    """Return llama.cpp with a tiny random model; PyTorch, with the same weights, edits by hand."""
    made = gguf_models.gguf_model(family, folder)
    options = Options(threads=1, flash_attention="off", exact_cache=True)
    runtime = load(made.path, options)
    runtime.vocabulary.ends = frozenset()
    sites = tuple(site for site in runtime.card.sites if site.name not in OF_EXPERTS)
    runtime.card = msgspec.structs.replace(runtime.card, sites=sites)
    by_hand = ByHand(assemble(made.model, made.tokenizer, name=f"tiny {family}"), family)
    return RuntimeUnderTest(runtime, by_hand, COARSE_GELU if family == "gemma2" else ROUNDING)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return byte_tokenizer()


@pytest.fixture(scope="session")
def engine(
    tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], RuntimeUnderTest]:
    """Make an engine by name, such as `torch llama float32`, once."""
    made: dict[str, RuntimeUnderTest] = {}

    def make(name: str) -> RuntimeUnderTest:
        if name not in made:
            kind, family, dtype = name.split()
            if kind == "torch":
                made[name] = torch_under_test(family, dtype, tokenizer)
            else:
                made[name] = llama_under_test(family, tmp_path_factory.mktemp("gguf"))
        return made[name]

    return make


@pytest.fixture(params=ENGINES)
def any_engine(
    request: pytest.FixtureRequest, engine: Callable[[str], RuntimeUnderTest]
) -> Iterator[RuntimeUnderTest]:
    """Yield every engine with every family of models, for what must hold for all."""
    yield from unedited(engine(request.param))


@pytest.fixture(params=["torch llama float32", "torch llama bfloat16", "llama.cpp llama float32"])
def one_engine(
    request: pytest.FixtureRequest, engine: Callable[[str], RuntimeUnderTest]
) -> Iterator[RuntimeUnderTest]:
    """Yield every engine with one family, for what takes long."""
    yield from unedited(engine(request.param))


def unedited(subject: RuntimeUnderTest) -> Iterator[RuntimeUnderTest]:
    """Hand an engine on, and leave it for the next test as it was."""
    yield subject
    subject.runtime.apply_edits([])
    subject.runtime.capture(CapturePlan())
