"""`llmri cluster`: its options, its sentences, and what it leaves, against a server whose model is none."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from llmri.cluster import options
from llmri.cluster.collection import Collector
from llmri.cluster.command import app
from llmri_clustering import BuildOptions, clusters
from llmri_clustering.collecting import SAMPLES_KEPT
from llmri_clustering.files import load, save
from llmri_protocol.messages import Phase, ServerMessage
from llmri_server import Server, Settings
from llmri_server.runtime import ScanEvent, Sink
from tests.llmri.test_cli import llmri
from tests.server.fakes import LAYERS, WIDTH, FakeRuntime

Run = Callable[..., Result]
PROMPTS = "[sums]\n" + "what is {}?\n" * 6 + "[tales]\n" + "tell of {}\n" * 6


class Blocks(FakeRuntime):
    """Scans in which blocks of eight units fire together."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ["a ", "b ", "c ", "d ", "e "]
        self._rng = np.random.default_rng(0)

    def _scan(self, sink: Sink, number: int, phase: Phase) -> None:
        for site, layers in self.plan.sites:
            driven = np.repeat(self._rng.normal(size=(len(layers), WIDTH // 4)), 4, axis=1)
            rows = driven + 0.2 * self._rng.normal(size=driven.shape)
            sink.scan(ScanEvent(number, phase, site, layers, "f32", rows.astype(np.float32)))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(Blocks(), Settings(port=0, queue_scans=100_000)) as running:
        yield running


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    file = tmp_path / "prompts.txt"
    file.write_text("\n".join(line.format(n) for n, line in enumerate(PROMPTS.splitlines())))
    return file


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command in an empty folder; it fails on anything but a quiet end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMRI_TOKEN", raising=False)

    def cluster(*arguments: str, status: int = 0) -> Result:
        done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
        assert done.exit_code == status, (done.output, done.exception)
        assert "Traceback" not in done.output
        return done

    return cluster


def address(server: Server) -> str:
    return "{}:{}".format(*server.address)


def sentence(done: Result) -> str:
    """Return what was said, which is one line."""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("llmri cluster: ")
    return str(done.stderr)


def test_prompts_are_said_and_clustered(run: Run, server: Server, prompts: Path, tmp_path: Path) -> None:
    done = run(address(server), "--prompts", str(prompts), "--sizes", "2-8", "--rank", "sums")
    assert "Saying 12 prompts" in done.stderr
    assert "The first token of each sequence is left out." in done.stderr
    assert "60 samples from 12 turns" in done.stdout
    assert "effect in sums" in done.stdout
    found = load(tmp_path / "clusters.llmri")
    assert found.units.site == "mlp_act"
    assert len(found.units) == LAYERS * WIDTH
    assert {"sums", "tales"} <= set(found.clusters[0].selectivity)
    assert found.provenance.left_out == ("the first token of each sequence: 12 scans",)
    # Blocks of four units were made to fire together.
    assert np.array_equal(found.labels[:8], np.repeat(found.labels[[0, 4]], 4))


def test_it_listens_while_others_talk(run: Run, server: Server, tmp_path: Path) -> None:
    over = threading.Event()
    talk = threading.Thread(target=lambda: [server.chat("hello").reply(30) for _ in iter(over.is_set, True)])
    talk.start()
    try:
        done = run(
            "--host", address(server), "--samples", "40", "--layers", "0,2", "--group", "first=1-4",
            "--number", "4", "--out", "mine.llmri", "--distance", "absolute", "--method", "complete",
        )  # fmt: skip
    finally:
        over.set()
        talk.join()
    assert "Listening to 16 units at mlp_act of fake" in done.stderr
    found = load(tmp_path / "mine.llmri")
    assert found.provenance.samples == 40
    assert (found.provenance.distance, found.provenance.method) == ("1 - |r|", "complete")
    assert set(found.units.layer.tolist()) == {0, 2}
    assert all("first" in cluster.selectivity for cluster in found.clusters)


def test_numbers_stay_over_a_rebuild(run: Run, server: Server, prompts: Path, tmp_path: Path) -> None:
    arguments = (address(server), "--prompts", str(prompts), "--sizes", "2-4")
    run(*arguments)
    first = load(tmp_path / "clusters.llmri")
    assert "6 of 6 clusters keep their numbers." in run(*arguments, "--seed", "1").stderr
    assert np.array_equal(load(tmp_path / "clusters.llmri").labels, first.labels)


def test_a_file_is_shown_again(run: Run, server: Server, prompts: Path) -> None:
    built = run(address(server), "--prompts", str(prompts), "--sizes", "2-8")
    assert run("--show", "clusters.llmri").stdout == built.stdout
    assert "effect in tales" in run("--show", "clusters.llmri", "--rank", "tales").stdout
    assert "did you mean `tales`?" in sentence(run("--show", "clusters.llmri", "--rank", "tale", status=1))


def test_without_a_server_it_says_how_to_start_one(run: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        said = sentence(run(f"127.0.0.1:{free.getsockname()[1]}", status=1))
    assert "llmri serve" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--site", "mlp_akt"), "it has resid_post, mlp_act; did you mean `mlp_act`?"),
        (("--layers", "1-3"), "fake has no layer 3, it has layers 0 to 2"),
        (("--out", "no/clusters.llmri"), "No such file or directory"),
        (("--prompts", "no.txt"), "cannot read the prompts in no.txt"),
        (("--previous", "no.llmri"), "no.llmri"),
        (("--rank", "sums"), "no turns are named; --prompts or --group names them"),
        (("--group", "sums=1-5", "--rank", "sum"), "did you mean `sums`?"),
        (("--token-file", "no.txt"), "cannot read the access token in no.txt"),
        (("--tls-ca", "no.pem"), "cannot read the certificate in no.pem"),
        (("--from", "no.samples"), "no.samples"),
        (("--group", "sums=1-21"), "--group sums names turn 21, and the collection ends after 20 turns"),
        (("--turns", "3", "--group", "sums=4"), "the collection ends after 3 turns"),
    ],
)
def test_a_mistake_is_one_sentence_before_anything_is_collected(
    run: Run, server: Server, arguments: Sequence[str], said: str, tmp_path: Path
) -> None:
    assert said in sentence(run(address(server), *arguments, status=1))
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_clustering_is_not_replaced(run: Run, server: Server, tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("dear diary")
    assert "not replaced" in sentence(run(address(server), "--out", "diary.txt", status=1))
    assert (tmp_path / "diary.txt").read_text() == "dear diary"


@pytest.mark.parametrize(
    "arguments",
    [
        ("a:1", "--host", "b:2"),
        ("--number", "4", "--sizes", "2-8"),
        ("--sizes", "8"),
        ("--sizes", "0-8"),
        ("--layers", "x"),
        ("--group", "1-3"),
        ("--group", "sums=0"),
        ("--group", "sums=1-3", "--group", "tales=3"),
        ("--method", "single"),
        ("--turns", "0"),
    ],
)
def test_wrong_usage_has_its_own_status(run: Run, arguments: Sequence[str]) -> None:
    assert "Usage" in run(*arguments, status=2).stderr


def test_turns_that_are_named_and_never_come_are_told(run: Run, server: Server, prompts: Path) -> None:
    done = run(
        address(server), "--prompts", str(prompts), "--samples", "40", "--sizes", "2-8",
        "--group", "late=8-9,12",
    )  # fmt: skip
    assert "Of the turns named 'late' 2 never came, the first of them turn 9." in done.stdout


def test_clusters_of_another_model_are_not_replaced_and_lend_no_numbers(
    run: Run, server: Server, prompts: Path, tmp_path: Path
) -> None:
    run(address(server), "--prompts", str(prompts), "--sizes", "2-8")
    found = load(tmp_path / "clusters.llmri")
    other = replace(found, provenance=replace(found.provenance, model="other"))
    for arguments in (("--out", "other.llmri"), ("--previous", "other.llmri")):
        save(tmp_path / "other.llmri", other)
        said = sentence(run(address(server), "--prompts", str(prompts), *arguments, status=1))
        assert "the earlier clusters are of other and the server's model is fake" in said
    assert load(tmp_path / "other.llmri").provenance.model == "other"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(1000), b"\xff" * 1000])
def test_what_is_no_server_of_ours_is_one_sentence(run: Run, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(answer)
                connection.recv(1 << 16)

        thread = threading.Thread(target=serve)
        thread.start()
        said = sentence(run(f"127.0.0.1:{listening.getsockname()[1]}", status=1))
        thread.join()
    assert "no LLMRI server answers at 127.0.0.1" in said


def test_a_refused_token_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    with Server(Blocks(), Settings(port=0), token="right") as server:
        assert "refused" in sentence(run(address(server), "--token-file", "wrong", status=1))


def test_what_could_not_be_clustered_is_kept_and_can_be_built_from(
    run: Run, server: Server, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("the stars are wrong")

    with monkeypatch.context() as broken:
        broken.setattr("llmri.cluster.work.build", fail)
        done = run(address(server), "--prompts", str(prompts), status=1)
    assert "the stars are wrong" in done.stderr
    assert "--from clusters.llmri.samples" in done.stderr
    again = run("--from", "clusters.llmri.samples", "--sizes", "2-8", "--rank", "tales")
    assert "60 samples from 12 turns" in again.stdout
    assert load(tmp_path / "clusters.llmri").provenance.left_out


def test_ctrl_c_while_it_builds_keeps_what_was_collected(
    run: Run, server: Server, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt  # a signal would be ignored where the tests run in the background

    monkeypatch.setattr("llmri.cluster.work.build", interrupt)
    run(address(server), "--prompts", str(prompts), status=130)
    assert (tmp_path / "clusters.llmri.samples").is_file()


def test_a_server_that_ends_leaves_clusters_of_what_came(
    run: Run, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.txt").write_text("hello\n" * 1000)
    taken = Collector.take

    def take(self: Collector, message: ServerMessage) -> None:
        taken(self, message)
        if self.count >= 20 and ending.ident is None:
            ending.start()

    ending = threading.Thread(target=server.close)
    monkeypatch.setattr(Collector, "take", take)
    done = run(address(server), "--prompts", "p.txt", "--sizes", "2-8", status=1)
    assert "the collection ended early: the server" in done.stderr
    assert "clusters.llmri holds what came" in done.stderr
    assert load(tmp_path / "clusters.llmri").provenance.samples >= 20


def test_too_little_is_told(run: Run, server: Server, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("hi")
    said = run(address(server), "--prompts", "p.txt", "--sizes", "2-8", "--samples", "4").stdout
    assert "fewer than 200" in said


@pytest.mark.parametrize("missing", ["scipy", "safetensors", "fastcluster"])
def test_without_its_extra_it_says_what_to_install(missing: str) -> None:
    done = llmri("cluster", missing=frozenset({missing}))
    assert done.returncode == 1
    assert (
        done.stderr
        == "llmri cluster needs the clustering extra: in a clone of LLMRI, pip install '.[clustering]'\n"
    )


def test_the_words_of_the_options_are_those_of_the_library() -> None:
    assert get_args(options.Method) == get_args(clusters.Method)
    assert get_args(options.Measure) == get_args(clusters.Measure)
    assert set(options.DISTANCES.values()) == set(get_args(clusters.Distance))


def test_the_defaults_of_the_options_are_those_of_the_library() -> None:
    assert options.ClusterOptions().building() == BuildOptions()
    assert options.ClusterOptions().keep == SAMPLES_KEPT


def test_help_needs_no_extra() -> None:
    done = llmri("cluster", "--help", missing=frozenset({"scipy", "safetensors", "fastcluster", "sklearn"}))
    assert done.returncode == 0
    assert "--prompts" in done.stdout
