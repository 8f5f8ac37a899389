"""The search for protected units on a running server: seen, stopped, and never in anybody's way."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmri_protocol.messages import (
    Chat,
    Edit,
    Error,
    Intervene,
    Notice,
    Ping,
    Reply,
    Stop,
    TurnEnd,
    Welcome,
)
from llmri_protocol.protection import BROKEN_OFF, FOUND, NOTHING, SEARCHING
from llmri_server import Server, Settings
from llmri_server.protection import verdict_cache
from llmri_server.protection.starting import begin
from llmri_server.runtime import UnsupportedError
from tests.server.fakes import LAYERS, Connect, Eventually, FakeRuntime

PATIENCE = 60.0
UNIT = 5


class Slow(FakeRuntime):
    """Waits before every pass until it may go on; notes passes and replies in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.model._embedding[self.text_ids("The")[0], UNIT] = -40_000
        self.order: list[str] = []
        self.going = threading.Semaphore(0)
        self.before_pass = self._wait

    def let(self, passes: int) -> None:
        """Let so many passes go on."""
        self.going.release(passes)

    def generate(self, *arguments: Any) -> Any:
        self.order.append("reply")
        return super().generate(*arguments)

    def _wait(self) -> None:
        self.order.append("pass")
        assert self.going.acquire(timeout=PATIENCE)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLMRI_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def files(folder: Path) -> list[Path]:
    path = folder / "model.safetensors"
    path.write_bytes(b"weights")
    return [path]


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def logged() -> list[str]:
    return []


@pytest.fixture
def searching(slow: Slow, files: list[Path], logged: list[str]) -> Iterator[Server]:
    settings = Settings(port=0, protect="all")
    search = begin(slow, settings, files)
    with Server(slow, settings, search=search, log=logged.append) as server:
        try:
            yield server
        finally:
            slow.before_pass = lambda: None
            slow.let(1000)


def total(server: Server) -> int:
    words = server.protection.in_words()
    return int(words.split(" of ")[1].split()[0])


ABLATION = Edit(site="resid_post", layer=1, units=(UNIT,))


def test_the_first_connection_is_let_in_before_the_search_has_done_anything(
    searching: Server, connect_to: Connect
) -> None:
    viewer = connect_to(searching)
    assert viewer.expect(Welcome).card.protected == ()
    said = viewer.expect(Notice).message
    assert said.startswith(f"{SEARCHING}: 0 of 35 passes of 64 tokens done")


def test_a_chat_in_the_middle_of_the_search_waits_for_one_pass(
    searching: Server, slow: Slow, eventually: Eventually
) -> None:
    slow.let(2)
    eventually(lambda: len(slow.order) == 3)  # the third pass is running
    turn = searching.chat("hello")
    slow.let(1)
    assert turn.reply(PATIENCE) == "one two three"
    assert slow.order[:4] == ["pass", "pass", "pass", "reply"]
    eventually(lambda: slow.order[4:] == ["pass"])  # and the search goes on


def test_what_is_found_is_told_refused_and_marked_and_newcomers_see_it(
    searching: Server, slow: Slow, connect_to: Connect, logged: list[str], eventually: Eventually
) -> None:
    viewer = connect_to(searching)
    viewer.until(Notice)
    viewer.tell(Intervene, edits=(ABLATION,))
    said = [message.message for message in viewer.until(Reply) if isinstance(message, Notice)]
    assert [words.split(",")[0] for words in said] == ["this edit was not checked yet"]
    slow.let(1000)
    notices = [viewer.last(Notice).message]
    while not notices[-1].startswith("edits that stand"):
        notices.append(viewer.last(Notice).message)
    assert notices[0].startswith(f"{SEARCHING}: 1 of ")
    assert "s of the model's time left" in notices[0]
    assert notices[-2].startswith(f"{FOUND}: unit {UNIT} of `resid_post` in layers 0-{LAYERS - 1} (massive)")
    assert slow.edits == (ABLATION,)
    viewer.tell(Intervene, edits=(ABLATION,))
    assert viewer.last(Error).code == "protected"
    late = connect_to(searching)
    assert [unit.layer for unit in late.expect(Welcome).card.protected if unit.unit == UNIT] == [0, 1, 2]
    late.tell(Ping)
    late.expect(Reply)  # nothing is said of a search that is over
    eventually(lambda: notices[-2] in logged)


def test_stop_ends_a_reply_first_and_the_search_where_there_is_none(
    searching: Server, slow: Slow, connect_to: Connect, logged: list[str], folder: Path
) -> None:
    slow.let(2)
    viewer = connect_to(searching)
    viewer.until(Notice)
    viewer.tell(Chat, text="hello")
    viewer.until(Reply)
    viewer.tell(Stop)  # the chat still waits for the third pass
    viewer.until(Reply)
    slow.let(1)
    assert viewer.last(TurnEnd).reason == "stopped"
    assert searching.protection.more
    viewer.tell(Stop)
    viewer.until(Reply)
    slow.let(1)
    while not (said := viewer.last(Notice)).message.startswith(FOUND):
        pass
    told = viewer.last(Notice)
    assert told.level == "warning"
    assert told.message.startswith(f"{BROKEN_OFF} was stopped after ")
    assert (said.message, told.message) == tuple(logged[-2:])
    assert not searching.protection.more
    assert not (folder / "cache").exists()
    late = connect_to(searching)
    assert len(late.expect(Welcome).card.protected) == LAYERS  # magnitudes were known by then
    assert late.expect(Notice).message == told.message
    late.tell(Intervene, edits=(Edit(site="mlp_act", layer=0, units=(1,)),))
    assert late.last(Notice).message.startswith("this edit was not checked yet")


def test_closing_in_the_middle_of_a_pass_does_not_wait_for_the_search(slow: Slow, files: list[Path]) -> None:
    settings = Settings(port=0)
    server = Server(slow, settings, search=begin(slow, settings, files))
    server.start()
    slow.let(1)
    ended = threading.Event()

    def close() -> None:
        server.close()
        ended.set()

    threading.Thread(target=close, daemon=True).start()
    assert ended.wait(PATIENCE)  # the pass still runs
    assert len(slow.order) <= 2
    slow.let(1000)
    server.worker._thread.join(PATIENCE)
    assert slow.order.count("pass") <= 2


def test_a_runtime_that_measures_nothing_says_so_and_serves(slow: Slow, connect_to: Connect) -> None:
    def fail() -> None:
        raise UnsupportedError("it measures nothing")

    slow.before_pass = fail
    with Server(slow, Settings(port=0), search=begin(slow, Settings(), [])) as server:
        viewer = connect_to(server)
        said = viewer.last(Notice).message
        while not said.startswith(BROKEN_OFF):
            said = viewer.last(Notice).message
        assert "it measures nothing" in said
        assert server.chat("hello").reply(PATIENCE)


def searched(runtime: Slow, files: list[Path], connect_to: Connect, **settings: Any) -> int:
    """Serve until the search is over; give how many passes it took."""
    runtime.let(1000)
    chosen = Settings(port=0, **settings)
    with Server(runtime, chosen, search=begin(runtime, chosen, files)) as server:
        viewer = connect_to(server)
        welcome = viewer.expect(Welcome)
        if server.protection.more or not welcome.card.protected:
            while not viewer.last(Notice).message.startswith((FOUND, NOTHING)):
                pass
    return len(runtime.order)


def test_a_second_start_needs_no_pass_and_finds_the_same(files: list[Path], connect_to: Connect) -> None:
    first, second = Slow(), Slow()
    assert searched(first, files, connect_to) > LAYERS
    assert searched(second, files, connect_to) == 0
    assert second.card.protected == first.card.protected != ()


@pytest.mark.parametrize("change", ["weights", "time", "setting", "text", "dtype"])
def test_whatever_the_result_hangs_on_searches_again(
    change: str, files: list[Path], connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert searched(Slow(), files, connect_to)
    second, settings = Slow(), {}
    match change:
        case "weights":
            before = files[0].stat()
            files[0].write_bytes(b"others!")
            os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
        case "time":
            os.utime(files[0], ns=(0, 1))
        case "setting":
            settings = {"protect_nats": 2.0}
        case "text":
            monkeypatch.setattr("llmri_server.runtimes.common.calibration._read", lambda _: "The other text")
        case "dtype":
            second.card = type(second.card)(
                **{name: getattr(second.card, name) for name in second.card.__struct_fields__}
                | {"dtype": "f16"}
            )
    assert searched(second, files, connect_to, **settings)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[1]", b"[" * 100_000, b'{"key": 1, "protected": []}']
)
def test_a_damaged_file_is_ignored_with_a_line(
    content: bytes, files: list[Path], connect_to: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    assert searched(Slow(), files, connect_to)
    [kept] = verdict_cache.cache_folder().iterdir()
    kept.write_bytes(content)
    assert searched(Slow(), files, connect_to)
    assert "is ignored" in caplog.text
    assert searched(Slow(), files, connect_to) == 0  # it was written anew


def test_a_foreign_file_and_one_that_is_none_are_ignored(
    files: list[Path], connect_to: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    assert searched(Slow(), files, connect_to)
    [kept] = verdict_cache.cache_folder().iterdir()
    kept.write_bytes(kept.read_bytes().replace(b'"family":"fake"', b'"family":"else"'))
    assert searched(Slow(), files, connect_to)
    assert "another model or search" in caplog.text
    kept.unlink()
    os.mkfifo(kept)
    assert searched(Slow(), files, connect_to)
    assert "a plain file" in caplog.text


def test_a_folder_that_cannot_be_written_is_a_notice_and_nothing_more(
    folder: Path, slow: Slow, files: list[Path], connect_to: Connect
) -> None:
    (folder / "cache").write_text("a file stands here")
    settings = Settings(port=0)
    with Server(slow, settings, search=begin(slow, settings, files)) as server:
        viewer = connect_to(server)
        viewer.until(Notice)
        slow.let(1000)
        while not (said := viewer.last(Notice)).message.startswith("which units are protected can't be kept"):
            pass
        assert str(folder) in said.message
        assert server.chat("hello").reply(PATIENCE)
        assert len(server.runtime.card.protected) >= LAYERS


def test_what_is_not_asked_for_is_not_looked_for(slow: Slow, files: list[Path]) -> None:
    for protect in ("none", "lists"):
        assert begin(slow, Settings(protect=protect), files).examination is None
