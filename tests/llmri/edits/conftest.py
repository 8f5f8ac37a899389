"""A server around a runtime without a model, and the command line beside it."""

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from llmri.edits.command import app
from llmri_server import Server, Settings
from tests.server.fakes import FakeRuntime

Run = Callable[..., Result]


@pytest.fixture
def address() -> Iterator[str]:
    with Server(FakeRuntime(), Settings(port=0)) as running:
        yield "{}:{}".format(*running.address)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("LLMRI_TOKEN", raising=False)

    def command(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return command
