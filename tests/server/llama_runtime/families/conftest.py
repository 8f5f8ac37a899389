"""Members of the families: a file that llama.cpp runs, and its twin."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from llmri_server.llama_runtime import LlamaRuntime, load
from tests.server.llama_runtime.conftest import EXACT
from tests.server.llama_runtime.families.family import Family
from tests.server.llama_runtime.families.table import FAMILIES
from tests.server.llama_runtime.families.twins import Twin
from tests.server.llama_runtime.families.writing import write


@dataclass(frozen=True)
class Member:
    """A file of a family as it is served, and the model of the same weights."""

    family: Family
    runtime: LlamaRuntime
    twin: Twin


@pytest.fixture(scope="session")
def member(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Member]:
    """Make a member by its family's name, once."""
    families = {family.name: family for family in FAMILIES}
    made: dict[str, Member] = {}

    def make(name: str) -> Member:
        if name not in made:
            family = families[name]
            twin = Twin(family)
            runtime = load(write(family, twin.model, tmp_path_factory.mktemp("family")), EXACT)
            runtime.vocabulary.ends = frozenset()
            made[name] = Member(family, runtime, twin)
        return made[name]

    return make
