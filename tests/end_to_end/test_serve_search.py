"""`llmri serve` while it looks for protected units: it listens, answers, ends at once, and remembers."""

import signal
import time
from pathlib import Path

import pytest

import llmri
from llmri import Edit
from llmri_protocol.messages import Notice, Stop
from llmri_protocol.protection import BROKEN_OFF, SEARCHING
from tests.end_to_end.conftest import PATIENCE, Serve


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """Return a folder whose code makes every pass of the search a slow one."""
    (tmp_path / "sitecustomize.py").write_text(
        "import time\n"
        "from llmri_server.protection import examination\n"
        "advance = examination.Examination.advance\n"
        "def slowly(self):\n"
        "    time.sleep(0.2)\n"
        "    return advance(self)\n"
        "examination.Examination.advance = slowly\n"
    )
    return str(tmp_path)


def connected(served: object) -> llmri.Client:
    return llmri.connect(f"127.0.0.1:{served.port}", timeout=PATIENCE)  # type: ignore[attr-defined]


def path_with(folder: str) -> dict[str, str]:
    import os  # noqa: PLC0415

    return {"PYTHONPATH": os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))}


def test_it_answers_and_edits_before_the_search_is_over_and_stops_it_when_told(
    serve: Serve, endless: str, tmp_path: Path
) -> None:
    served = serve(LLMRI_CACHE=str(tmp_path / "cache"), **path_with(endless))
    with connected(served) as client:
        assert client.chat("hello").tokens
        assert client.searching
        client.intervene([Edit(site="resid_post", layer=1, units=(3,))])
        said = [each.message for each in client.messages() if isinstance(each, Notice)]
        assert said[0].startswith(f"{SEARCHING}: ")
        assert any(words.startswith("this edit was not checked yet, looking") for words in said)
        client._ask(Stop(id=client._next_id()))
        client.wait_until_searched()
        last = [each.message for each in client.messages() if isinstance(each, Notice)][-1]
        assert last.startswith(f"{BROKEN_OFF} was stopped after ")
    assert served.interrupt() == 0
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_the_search_ends_the_server(
    serve: Serve, endless: str, tmp_path: Path, number: signal.Signals
) -> None:
    served = serve(LLMRI_CACHE=str(tmp_path / "cache"), **path_with(endless))
    with connected(served) as client:
        served.process.send_signal(number)
        assert served.process.wait(PATIENCE) == 0
        assert client.searching or not client.messages()
    assert "Traceback" not in served.stderr.read()
    assert not (tmp_path / "cache").exists()


def test_the_next_start_knows_what_was_found(serve: Serve, tmp_path: Path) -> None:
    first = serve(LLMRI_CACHE=str(tmp_path))
    with connected(first) as client:
        client.wait_until_searched()
        deadline = time.monotonic() + PATIENCE
        while not list(tmp_path.glob("protected/*.json")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    first.interrupt()
    assert "looking for protected units" in first.stderr.read()
    second = serve(LLMRI_CACHE=str(tmp_path))
    with connected(second) as client:
        client.wait_until_searched()
        assert not any(isinstance(each, Notice) for each in client.messages())
    second.interrupt()
    assert "known from an earlier start" in second.stderr.read()
