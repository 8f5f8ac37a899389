"""`llmri view` as a user calls it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from llmri_clustering.files import save
from tests.viewer import clusters
from tests.viewer.synthetic import SyntheticServer


def view(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "from llmri_viewer.command import app; app(prog_name='llmri view')"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "", "HOME": "/nonexistent", **environment},
        check=False,
    )


def address(server: SyntheticServer) -> str:
    return f"127.0.0.1:{server.port}"


def test_headless_it_plays_its_keys_and_leaves_a_picture(server: SyntheticServer, tmp_path: Path) -> None:
    shot, second = tmp_path / "a" / "shot.png", tmp_path / "second.png"
    script = f'wait:connected say:"hello" wait:turn_end click:unit=5 x wait:edits shot:{second} shot'
    done = view(address(server), "--headless", "--keys", script, "--shot", str(shot), "--size", "1000x700")
    assert (done.returncode, done.stderr) == (0, "")
    for path in (shot, second):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert pixels.shape == (700, 1000, 3)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100
    assert server.edits[-1][0].units == (5,)


def test_site_layer_and_theme_are_where_it_begins(server: SyntheticServer, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    done = view(
        address(server), "--headless",
        "--keys", "wait:connected say:hi wait:turn_end click:unit=9 b wait:edits",
        "--site", "resid_post", "--layer", "2", "--theme", "light", "--shot", str(shot),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (server.edits[-1][0].site, server.edits[-1][0].layer) == ("resid_post", 2)
    assert np.asarray(Image.open(shot).convert("L")).mean() > 150


FAULTS = [
    (["--keys", "dwn"], "did you mean `down`"),
    (["--size", "big"], "`big` is no size"),
    (["--size", "10x10"], "cannot be had"),
    (["--config", "missing.toml"], "cannot read missing.toml"),
    (["--keys-file", "missing.toml"], "cannot read missing.toml"),
    (["--token-file", "missing.txt"], "cannot read the access token in missing.txt"),
    (["--clusters", "missing.clusters"], "missing.clusters"),
    (["--clusters", __file__], "test_command.py"),
]


@pytest.mark.parametrize(("arguments", "sentence"), FAULTS)
def test_a_mistake_is_answered_in_one_line(arguments: list[str], sentence: str) -> None:
    done = view("127.0.0.1:1", "--headless", *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("keys", [[], ["--keys", "up"], ["--keys", "sleep:0.2"]])
def test_without_a_server_a_picture_is_a_failure(keys: list[str], tmp_path: Path) -> None:
    done = view("127.0.0.1:1", "--headless", "--shot", str(tmp_path / "a.png"), "--patience", "1", *keys)
    assert done.returncode == 1
    assert "no server at 127.0.0.1:1" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_picture_without_keys_waits_for_the_server(server: SyntheticServer, tmp_path: Path) -> None:
    shot = tmp_path / "a.png"
    done = view(address(server), "--headless", "--shot", str(shot))
    assert (done.returncode, done.stderr) == (0, "")
    assert shot.is_file()


def test_saved_clusters_are_shown_and_edited_by_their_keys(server: SyntheticServer, tmp_path: Path) -> None:
    file, shot = tmp_path / "some.clusters", tmp_path / "shot.png"
    made = clusters.clustering()
    save(file, made)
    done = view(
        address(server), "--headless", "--clusters", str(file), "--shot", str(shot), "--keys",
        "wait:connected say:hi wait:turn_end o click:cluster=5 x wait:edits h shot",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(len(edit.units) for edit in server.edits[-1]) == made.cluster(5).units
    assert np.asarray(Image.open(shot)).shape[:2] == (800, 1280)


def test_an_address_that_is_none_is_said_so() -> None:
    done = view("localhost:high", "--headless")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is no address" in done.stderr


def test_a_wait_that_is_not_met_fails_with_a_sentence(server: SyntheticServer) -> None:
    done = view(address(server), "--headless", "--keys", "wait:turn_end", "--patience", "0.5")
    assert done.returncode == 1
    assert "`wait:turn_end` was not met in 0.5 s" in done.stderr


def test_no_server_and_no_reconnecting_fails_with_a_sentence() -> None:
    done = view("127.0.0.1:1", "--headless", "--no-reconnect", "--keys", "wait:connected")
    assert done.returncode == 1
    assert "no server at 127.0.0.1:1" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_token_comes_from_the_environment_or_a_file_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("correct horse\n")
    with SyntheticServer(token="correct horse") as server:
        keys = ["--headless", "--keys", "wait:connected"]
        assert view(address(server), *keys, LLMRI_TOKEN="correct horse").returncode == 0
        assert view(address(server), *keys, "--token-file", str(secret)).returncode == 0
        wrong = view(address(server), *keys, LLMRI_TOKEN="battery")
    assert wrong.returncode == 1
    assert "the access token is wrong" in wrong.stderr
    assert "battery" not in wrong.stderr


def test_reading_only_asks_for_no_more_and_says_so_when_a_key_wants_more(
    server: SyntheticServer, tmp_path: Path
) -> None:
    done = view(
        address(server), "--read-only", "--headless", "--shot", str(tmp_path / "a.png"), "--keys",
        "wait:connected t type:hi return sleep:0.3",
    )  # fmt: skip
    assert done.returncode == 0
    assert not server.story_told


def test_without_pygame_one_sentence_names_the_extra() -> None:
    program = "import sys; sys.modules['pygame'] = None; sys.argv = ['llmri', 'view']; "
    program += "from llmri.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "llmri view needs the viewer extra: in a clone of LLMRI, pip install '.[viewer]'"
    )


def test_a_persons_own_keys_are_found_and_a_clash_in_them_is_refused(tmp_path: Path) -> None:
    (tmp_path / "llmri").mkdir()
    (tmp_path / "llmri" / "keys.toml").write_text('[[binding]]\nkeys = ["x"]\ncommand = "program.quit"\n')
    done = view("127.0.0.1:1", "--headless", XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "`x` stands for both `edit.ablate` and `program.quit` in mode `view`" in done.stderr


def test_headless_it_hints_nothing_and_remembers_nothing(server: SyntheticServer, tmp_path: Path) -> None:
    done = view(
        address(server), "--headless", "--keys", "wait:connected up q", XDG_STATE_HOME=str(tmp_path)
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scale", [1, 2])
def test_a_picture_of_scale_two_has_twice_the_pixels_of_the_same_layout(
    server: SyntheticServer, tmp_path: Path, scale: int
) -> None:
    shot = tmp_path / "shot.png"
    done = view(
        address(server), "--headless", "--keys", "wait:connected", "--size", "900x600",
        "--scale", str(scale), "--shot", str(shot),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert Image.open(shot).size == (900 * scale, 600 * scale)
