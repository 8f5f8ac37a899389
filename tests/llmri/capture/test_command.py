"""`llmri capture`, as a process of its own: from flags, on a terminal, and with mistakes."""

import errno
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import TemplateError
from typer.testing import CliRunner

from llmri.capture import read_capture
from llmri.capture.command import app
from llmri.capture.plain_llama import POCKET
from tests.gguf_models import gguf_model
from tests.llmri.capture.conftest import llama_cpp

COMMAND = [sys.executable, "-m", "llmri", "capture"]


def capture(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "200"},
    )


def test_prompts_from_flags_and_a_file_become_trials(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("# a comment\n[sums]\nWhat is 12 + 7?\n", "utf-8")
    out = tmp_path / "capture.json"
    question = "What is the capital of France?"
    done = capture(
        "pocket", "--prompt", question, "--prompts", str(prompts), "--out", str(out), "--max-tokens", "12"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    assert "[Trial 2/2] Tensors: 294" in done.stderr
    found = read_capture(out)
    assert [trial.prompt for trial in found.trials] == [question, "What is 12 + 7?"]
    assert "Paris" in found.trials[0].reply
    assert found.model.file == POCKET.name


def test_the_file_is_named_after_the_model_where_nothing_is_said(tmp_path: Path) -> None:
    done = capture("pocket", "--prompt", "Hello", "--max-tokens", "2", "--no-statistics", cwd=tmp_path)
    (written,) = tmp_path.iterdir()
    assert done.stdout.strip() == written.name
    assert written.name.startswith("capture-pocket-q8_0-")


def test_bare_it_asks_on_a_terminal(tmp_path: Path) -> None:
    typed = f"'{POCKET}'\n\nWhat is the capital of France?\n\n"
    parent, child = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--max-tokens", "12"],
        cwd=tmp_path, stdin=child, stdout=child, stderr=child, close_fds=True,
    ) as process:  # fmt: skip
        os.close(child)
        os.write(parent, typed.encode())
        seen = read_all(parent)
        assert process.wait(60) == 0, seen
    assert "Meta Llama (guessed from the file)" in seen
    assert "[Trial 1/1] Tensors: 294" in seen
    (written,) = tmp_path.iterdir()
    assert "Paris" in read_capture(written).trials[0].reply


def read_all(terminal: int) -> str:
    """Read what a terminal shows until nobody holds its other end."""
    pieces = []
    try:
        while piece := os.read(terminal, 4096):
            pieces.append(piece)
    except OSError:  # how Linux says the end
        pass
    os.close(terminal)
    return b"".join(pieces).decode()


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path) -> None:
    out = tmp_path / "capture.json"
    prompts = ["--prompt", "Tell me a story about a fox."] * 500
    with subprocess.Popen(
        [*COMMAND, "pocket", *prompts, "--out", str(out)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        seen = ""
        while "[Trial 2/500]" not in seen:
            seen += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == 130
    kept = len(read_capture(out).trials)
    assert 2 <= kept < 500
    assert f"Interrupted. Trial {kept + 1}/500 is not kept." in rest


def test_a_seed_decides_what_is_sampled(tmp_path: Path) -> None:
    replies = []
    for number, seed in enumerate(("3", "3", "4")):
        out = tmp_path / f"{number}.json"
        story = ("pocket", "--prompt", "Tell me a story about a fox.", "--temperature", "1.5", "--seed", seed)
        assert CliRunner().invoke(app, [*story, "--no-statistics", "--out", str(out)]).exit_code == 0
        replies.append(read_capture(out).trials[0].reply)
    assert replies[0] == replies[1] != replies[2]


def test_a_plain_prompt_is_continued(tmp_path: Path) -> None:
    out = tmp_path / "capture.json"
    plain = ("pocket", "--plain", "--prompt", "Once upon a", "--max-tokens", "3", "--out", str(out))
    assert CliRunner().invoke(app, plain).exit_code == 0
    trial = read_capture(out).trials[0]
    assert trial.positions < 10  # no template around it


def test_the_schema_is_printed() -> None:
    assert json.loads(CliRunner().invoke(app, ["--schema"]).stdout)["title"] == "LLMRI capture"


def test_families_are_listed() -> None:
    assert "mistral: Mistral and Mixtral" in CliRunner().invoke(app, ["--family", "?"]).output


def test_a_prompt_that_fails_is_told_and_the_others_are_captured(tmp_path: Path) -> None:
    out = tmp_path / "capture.json"
    said = [word for prompt in ("Hello", "hello " * 600, "Hi") for word in ("--prompt", prompt)]
    done = capture("pocket", *said, "--max-tokens", "2", "--out", str(out))
    assert done.returncode == 1
    assert "[Trial 2/3] Failed: the prompt 'hello hello" in done.stderr
    assert "takes 1805 tokens, and the context holds 512" in done.stderr
    assert [trial.prompt for trial in read_capture(out).trials] == ["Hello", "Hi"]
    assert done.stdout.strip() == str(out)


def test_whatever_fails_in_a_trial_is_of_that_trial_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = llama_cpp.llama_chat_format.Jinja2ChatFormatter.__call__

    def refusing(self: object, *, messages: list[dict[str, str]], **options: object) -> object:
        if messages[0]["content"] == "Hi":
            raise TemplateError("no greetings")
        return render(self, messages=messages, **options)

    monkeypatch.setattr(llama_cpp.llama_chat_format.Jinja2ChatFormatter, "__call__", refusing)
    out = tmp_path / "capture.json"
    said = ("--prompt", "Hi", "--prompt", "Hello", "--max-tokens", "2", "--no-statistics", "--out", str(out))
    done = CliRunner().invoke(app, ["pocket", *said])
    assert done.exit_code == 1
    assert "[Trial 1/2] Failed: the prompt 'Hi' failed: no greetings" in done.output
    assert [trial.prompt for trial in read_capture(out).trials] == ["Hello"]


@pytest.mark.parametrize("context", ["8", "100"])
def test_a_prompt_longer_than_the_context_is_told_with_both_numbers(tmp_path: Path, context: str) -> None:
    out = tmp_path / "capture.json"
    said = ("pocket", "--prompt", "hello " * 100, "--context", context, "--out", str(out))
    done = CliRunner().invoke(app, said)
    assert done.exit_code == 1
    assert f"takes 305 tokens, and the context holds {context} with the reply" in done.output
    assert not list(tmp_path.iterdir())


def test_a_context_that_becomes_full_ends_the_reply_and_that_is_told(tmp_path: Path) -> None:
    out = tmp_path / "capture.json"
    story = ("pocket", "--prompt", "Tell me a story about a fox.", "--context", "30", "--out", str(out))
    done = CliRunner().invoke(app, story)
    assert done.exit_code == 0
    assert "| the context is full" in done.output
    assert read_capture(out).trials[0].positions == 29
    roomy = CliRunner().invoke(app, [*story, "--overwrite", "--context", "60", "--max-tokens", "10"])
    assert "the context is full" not in roomy.output


def test_a_full_disk_is_told_and_the_trials_before_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "capture.json"
    write = Path.write_bytes

    def full_at_the_second_trial(path: Path, data: bytes) -> int:
        if out.exists():
            write(path, data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_at_the_second_trial)
    said = ("--prompt", "Hello", "--prompt", "Hi", "--prompt", "Hey", "--max-tokens", "2", "--no-statistics")
    done = CliRunner().invoke(app, ["pocket", *said, "--out", str(out)])
    assert done.exit_code == 1
    assert f"cannot write {out}: No space left on device" in done.output
    assert [trial.prompt for trial in read_capture(out).trials] == ["Hello"]
    assert list(tmp_path.iterdir()) == [out]


def test_what_is_no_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    with subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE) as reader:
        said = ("pocket", "--prompt", "Hello", "--max-tokens", "2", "--no-statistics", "--out", str(fifo))
        assert CliRunner().invoke(app, said).exit_code == 0
        assert reader.stdout is not None
        assert json.loads(reader.stdout.read())["format"] == "llmri-capture"
    assert fifo.is_fifo()


@pytest.fixture(scope="session")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoilt")
    whole = POCKET.read_bytes()
    (folder / "short.gguf").write_bytes(whole[:2_000_000])
    (folder / "foreign.gguf").write_bytes(b"PK\x03\x04" + whole[4:])
    (folder / "new.gguf").write_bytes(whole[:4] + b"\x09" + whole[5:])
    (folder / "there.json").touch()
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "a model is missing"),
        ("pocket", "there is nothing to say"),
        ("nothing.gguf --prompt x", "nothing.gguf cannot be read: No such file"),
        ("short.gguf --prompt x", "corrupted or incomplete"),
        ("foreign.gguf --prompt x", "is no GGUF file"),
        ("new.gguf --prompt x", "version 9"),
        (". --prompt x", ". cannot be read: Is a directory"),
        ("pocket --prompt x --family bert", "there is no family `bert`"),
        ("pocket --prompt x --out there.json", "--overwrite replaces it"),
        ("pocket --prompt x --out .", ". is a folder"),
        ("pocket --prompt x --out nowhere/a.json", "there is no folder nowhere for a.json"),
        ("pocket --prompts nothing.txt", "cannot read the prompts"),
        ("pocket --prompt= --plain", "an empty prompt cannot be continued"),
        (f"{'y' * 5000} --prompt x --out a.json", "cannot be read: File name too long"),
        (f"pocket --prompt x --out {'y' * 300}", "cannot be used: File name too long"),
        ("pocket --prompt x --context 2000000000", "this machine has"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    spoilt: Path, arguments: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spoilt)
    done = CliRunner().invoke(app, arguments.split())
    assert done.exit_code == 1
    assert said in done.output
    assert done.output.startswith("llmri capture: ")
    assert len(done.output.strip().splitlines()) == 1


def test_a_model_of_another_kind_is_refused_and_one_without_a_table_is_captured(tmp_path: Path) -> None:
    done = {}
    for name, family in {"dream": "qwen2", "smollm3": "granite"}.items():
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(
            gguf_model(family, tmp_path).path.read_bytes().replace(family.encode(), name.encode())
        )
        out = tmp_path / f"{name}.json"
        said = (str(path), "--prompt", "x", "--max-tokens", "2", "--out", str(out))
        done[name] = CliRunner().invoke(app, said)
    assert "does not generate text from left to right (dream)" in done["dream"].output
    assert len(done["dream"].output.strip().splitlines()) == 1
    assert done["smollm3"].exit_code == 0
    found = read_capture(tmp_path / "smollm3.json")
    assert (found.model.architecture, found.model.family) == ("smollm3", "other")


def test_without_the_extra_that_is_said() -> None:
    assert llama_cpp is not None
    code = (
        "import sys; sys.modules['llama_cpp'] = None;"
        "sys.argv = ['llmri', 'capture', 'pocket', '--prompt', 'x'];"
        "from llmri.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install '.[gguf]'" in done.stderr
