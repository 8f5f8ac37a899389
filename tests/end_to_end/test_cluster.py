"""`llmri cluster` as a process, on a real server: what it says, what it leaves, how it ends."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import llmri
from llmri_clustering.files import load
from tests.end_to_end.conftest import LAYERS, MLP, PATIENCE, Served, command, environment

PROMPTS = "# two kinds\n[sums]\n" + "\n".join(f"{n} + {n} =" for n in range(6))
PROMPTS += "\n[tales]\n" + "\n".join(f"Tell me of {n} foxes." for n in range(6))


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command("cluster", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def test_prompts_in_a_file_out_and_the_file_shown_again(served: Served, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text(PROMPTS)
    out = tmp_path / "clusters.llmri"
    process = start(
        f"127.0.0.1:{served.port}", "--prompts", str(tmp_path / "prompts.txt"), "--out", str(out),
        "--rank", "sums",
    )  # fmt: skip
    said, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told
    assert f"Wrote {out}." in told.replace("\n", "")
    assert "effect in sums" in said
    found = load(out)
    assert (found.units.site, len(found.units)) == ("mlp_act", LAYERS * MLP)
    assert found.provenance.turns == 12
    assert found.provenance.left_out == ("the first token of each sequence: 12 scans",)
    shown = start("--show", str(out), "--rank", "sums").communicate(timeout=PATIENCE)
    assert shown == (said, "")


def test_ctrl_c_ends_the_listening_and_what_came_is_clustered(served: Served, tmp_path: Path) -> None:
    out = tmp_path / "clusters.llmri"
    address = f"127.0.0.1:{served.port}"
    process = start("--host", address, "--layers", "1-2", "--turns", "1000", "--out", str(out))
    assert process.stderr
    assert "Listening" in process.stderr.readline()
    with llmri.connect(address) as model:
        for _ in range(3):
            model.chat("hello")
    process.send_signal(signal.SIGINT)
    said, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told
    assert "you ended it" in said
    assert "Traceback" not in told
    assert set(load(out).units.layer.tolist()) == {1, 2}


def test_without_a_server_there_is_one_sentence(failing: Callable[..., str], tmp_path: Path) -> None:
    said = failing("cluster", "127.0.0.1:1", "--out", str(tmp_path / "clusters.llmri"))
    assert said.startswith("llmri cluster: no server answers at 127.0.0.1:1")
    assert said.count("\n") == 1
