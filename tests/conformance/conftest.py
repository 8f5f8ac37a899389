"""The engines that the suite holds to one meaning of edits; an engine is added here."""

from collections.abc import Callable, Iterator

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from llmri_server.runtime import CapturePlan
from llmri_server.torch_runtime import assemble
from tests.conformance.by_hand import ByHand
from tests.conformance.under_test import RuntimeUnderTest
from tests.server.torch_runtime.tiny_models import byte_tokenizer, tiny_model

FAMILIES = ("llama", "gpt2", "opt", "gpt_neox", "gemma2", "falcon", "granite", "mixtral", "qwen3", "phi3")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Tokenizer = PreTrainedTokenizerFast


def torch_under_test(family: str, dtype: str, tokenizer: Tokenizer, **changes: object) -> RuntimeUnderTest:
    """Give PyTorch with a tiny random model, whose edits equal those by hand bit for bit."""
    runtime = assemble(tiny_model(family, DTYPES[dtype], **changes), tokenizer, name=f"tiny {family}")
    runtime.model.generation_config.eos_token_id = None
    return RuntimeUnderTest(runtime, ByHand(runtime, family))


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
def engine(tokenizer: Tokenizer) -> Callable[[str], RuntimeUnderTest]:
    """Make an engine by name, such as `torch llama float32`, once."""
    made: dict[str, RuntimeUnderTest] = {}

    def make(name: str) -> RuntimeUnderTest:
        if name not in made:
            _, family, dtype = name.split()
            made[name] = torch_under_test(family, dtype, tokenizer)
        return made[name]

    return make


@pytest.fixture(params=[f"torch {family} {dtype}" for family in FAMILIES for dtype in DTYPES])
def any_engine(
    request: pytest.FixtureRequest, engine: Callable[[str], RuntimeUnderTest]
) -> Iterator[RuntimeUnderTest]:
    """Give every engine with every family of models, for what must hold for all."""
    yield from unedited(engine(request.param))


@pytest.fixture(params=["torch llama float32", "torch llama bfloat16"])
def one_engine(
    request: pytest.FixtureRequest, engine: Callable[[str], RuntimeUnderTest]
) -> Iterator[RuntimeUnderTest]:
    """Give every engine with one family, for what takes long."""
    yield from unedited(engine(request.param))


def unedited(subject: RuntimeUnderTest) -> Iterator[RuntimeUnderTest]:
    """Hand an engine on, and leave it for the next test as it was."""
    yield subject
    subject.runtime.apply_edits([])
    subject.runtime.capture(CapturePlan())
