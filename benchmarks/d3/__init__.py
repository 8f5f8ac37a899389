"""d3-hierarchy under node, as a rival that answers questions."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

VERSION = "3.1.2"
ROOT = Path(__file__).resolve().parents[2]
PREFIX = ROOT / "build" / "d3"
SOURCE = PREFIX / "node_modules" / "d3-hierarchy" / "src" / "index.js"
SERVER = Path(__file__).with_name("server.mjs")


class NoD3Error(Exception):
    """d3-hierarchy cannot be asked here; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What d3 needed for one packing, in seconds, and the root's radius."""

    seconds: float
    radius: float


class D3:
    """A node process that packs with d3-hierarchy for as long as it is kept."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Install the pinned version into build/d3 where it is missing, and keep node running meanwhile.

        Raises:
            NoD3Error: node or npm is missing, or the installation failed.
        """
        with subprocess.Popen(
            [_installed(), str(SERVER), str(SOURCE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield cls(process)
            finally:
                process.kill()

    def ask(self, request: Mapping[str, object]) -> Answer:
        """Ask one question; server.mjs says which there are.

        Raises:
            NoD3Error: node has ended.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise NoD3Error("node has no pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise NoD3Error("node has ended; its own message stands above")
        return Answer(**json.loads(line))


def _installed() -> str:
    """Return the path of node, with d3-hierarchy installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NoD3Error("node and npm are not both installed")
    if not SOURCE.exists():
        package = f"d3-hierarchy@{VERSION}"
        done = subprocess.run(
            [npm, "install", "--prefix", str(PREFIX), "--no-save", package],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NoD3Error(f"npm could not install {package}: {done.stderr.strip()[-200:]}")
    return node
