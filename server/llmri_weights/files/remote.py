"""Files of a model hub, read by exact ranges: the one module of this package that opens connections.

`hf://owner/name[@revision][/file]`. The hub is `HF_ENDPOINT`, by default huggingface.co; a token in
`HF_TOKEN` is sent to it, and to no other host that it points to.
"""

import json
import os
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import Any

import numpy as np

from llmri_weights.arrays import Bytes
from llmri_weights.errors import WeightsError

SCHEME = "hf://"
PATTERN = re.compile(r"hf://(?P<repository>[^/@]+/[^/@]+)(?:@(?P<revision>[^/]+))?(?:/(?P<file>.+))?")
HUB = "https://huggingface.co"
TIMEOUT = 30.0  # seconds without a byte
TRIES = 3
LONGEST_WAIT = 30.0  # seconds that a busy hub may ask for
BUSY = frozenset({429, 500, 502, 503, 504})
MOST_LISTED = 1 << 24  # bytes of a list of files
MOST_TEXT = 1 << 26  # bytes of a configuration or an index
KEPT = 32  # small ranges of a file that are not asked for twice
SMALL = 1 << 20  # bytes
SENTENCES: Mapping[int, str] = {
    401: "asks who you are; set HF_TOKEN to a token that may read it",
    403: "is closed to you; ask for access, and set HF_TOKEN to your token",
    404: "is not there; check the owner, the name, the revision and the file",
    416: "is shorter than the hub said; open it again",
    429: "is asked for too often; wait, and try again",
}


@dataclass(frozen=True)
class Answer:
    """What a hub answered.

    Attributes:
        status: Of HTTP.
        headers: Of the answer.
        body: Its bytes.
    """

    status: int
    headers: Message
    body: bytes


def is_remote(name: str) -> bool:
    """Return whether a name is one of a hub's."""
    return name.startswith(SCHEME)


def open_remote(name: str) -> tuple["Repository", str]:
    """Return the repository that a name is of, and the file in it, or nothing.

    Raises:
        WeightsError: It is no such name.
    """
    match = PATTERN.fullmatch(name)
    if match is None:
        raise WeightsError(f"{name} is no name of a hub, expected hf://owner/name[@revision][/file]")
    return Repository(match["repository"], match["revision"] or "main"), match["file"] or ""


class Repository:
    """The files at one revision of a hub's repository.

    Args:
        repository: Its owner and name.
        revision: A branch, a tag or a commit.
    """

    def __init__(self, repository: str, revision: str) -> None:
        self.name = f"{SCHEME}{repository}@{revision}"
        self._hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
        quoted = urllib.parse.quote(revision, safe="")
        self._tree = f"{self._hub}/api/models/{repository}/tree/{quoted}"
        self._files = f"{self._hub}/{repository}/resolve/{quoted}/"
        self._sizes: dict[str, int] | None = None

    def names(self) -> list[str]:
        """Return the names of the files beside each other at the top, in order."""
        return sorted(self._listed())

    def text(self, name: str) -> str:
        """Return the text of a file."""
        source = self.source(name)
        if source.size > MOST_TEXT:
            raise WeightsError(f"{source.name} has {source.size} bytes, at most {MOST_TEXT} are read")
        return source.read(0, source.size).tobytes().decode("utf-8", errors="replace")

    def source(self, name: str) -> "RemoteFile":
        """Return the bytes of a file."""
        size = self._listed().get(name)
        if size is None:
            raise WeightsError(f"{self.name}/{name} is not there")
        return RemoteFile(f"{self.name}/{name}", self._files + urllib.parse.quote(name), size)

    def _listed(self) -> dict[str, int]:
        if self._sizes is None:
            self._sizes = {}
            url: str | None = self._tree
            while url:
                answer = fetched(url, self.name, most=MOST_LISTED)
                self._sizes |= _sizes(answer.body, self.name)
                url = _next_page(answer.headers, self._hub)
        return self._sizes


def _sizes(body: bytes, name: str) -> dict[str, int]:
    try:
        entries = json.loads(body)
        return {entry["path"]: int(entry["size"]) for entry in entries if entry["type"] == "file"}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WeightsError(f"the list of files of {name} can't be read: {error!r}") from None


def _next_page(headers: Message, hub: str) -> str | None:
    match = re.search(r'<([^>]+)>;\s*rel="next"', headers.get("Link", ""))
    return match[1] if match and match[1].startswith(hub) else None


class RemoteFile:
    """A file of a hub, read by exact ranges.

    Args:
        name: What a person calls it.
        url: Where it is.
        size: How many bytes it has.
    """

    request_cost = 1 << 18

    def __init__(self, name: str, url: str, size: int) -> None:
        self.name, self.size = name, size
        self._url = url
        self._etag = ""
        self._kept: dict[int, Bytes] = {}
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Return the hub's own mark of its content, as far as anything has been read."""
        return f"{self.size}-{self._etag}"

    def read(self, offset: int, count: int) -> Bytes:
        """Return `count` bytes from `offset` on, as `ByteSource.read` does."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise WeightsError(f"{self.name} ends at byte {self.size}, wanted up to byte {offset + count}")
        if not count:
            return np.empty(0, np.uint8)
        with self._lock:
            for begin, data in self._kept.items():
                if begin <= offset and offset + count <= begin + len(data):
                    return data[offset - begin : offset - begin + count].copy()
        data = self._fetched(offset, count)
        if count <= SMALL:
            with self._lock:
                self._kept[offset] = data
                if len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
        return data.copy()

    def check(self) -> None:
        """Pass: every answer says what content it is of."""

    def close(self) -> None:
        """Let go of what is kept."""
        with self._lock:
            self._kept.clear()

    def _fetched(self, offset: int, count: int) -> Bytes:
        asked = {"Range": f"bytes={offset}-{offset + count - 1}"}
        answer = fetched(self._url, self.name, asked, most=count)
        if answer.status != 206 and count < self.size:  # noqa: PLR2004  partial content
            raise WeightsError(f"{self.name} can't be read in parts: its server sends whole files alone")
        if len(answer.body) != count:
            raise WeightsError(f"{self.name} sent {len(answer.body)} bytes of {count} at byte {offset}")
        etag = answer.headers.get("ETag", "")
        if self._etag and etag and etag != self._etag:
            raise WeightsError(f"{self.name} has changed since it was opened; open it again")
        self._etag = self._etag or etag
        return np.frombuffer(answer.body, np.uint8)


def fetched(url: str, name: str, headers: Mapping[str, str] | None = None, *, most: int) -> Answer:
    """Return what a hub answers, asking again where it is busy.

    Args:
        url: What is asked for.
        name: What a person calls it.
        headers: Of the question.
        most: How many bytes of the answer are read.

    Raises:
        WeightsError: It does not answer, or says no.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return _asked(url, headers or {}, most)
        except urllib.error.HTTPError as error:
            if error.code not in BUSY or tries == TRIES:
                said = f"can't be read: its server says {error.code} {error.reason}"
                raise WeightsError(f"{name} {SENTENCES.get(error.code, said)}") from None
            time.sleep(_wait(error.headers, tries))
        except (OSError, HTTPException) as error:
            if tries == TRIES:
                raise WeightsError(f"{name} can't be reached: {_reason(error)}") from None
            time.sleep(_wait(None, tries))


def _asked(url: str, headers: Mapping[str, str], most: int) -> Answer:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310  the user's own hub
    token = os.environ.get("HF_TOKEN")
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token.strip()}")  # stays with the hub
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        return Answer(answer.status, answer.headers, answer.read(most))


def _wait(headers: Message | None, tries: int) -> float:
    """Return how many seconds to wait: what the hub asks for, or longer after each try."""
    said: Any = headers.get("Retry-After", "") if headers is not None else ""
    seconds = float(said) if str(said).replace(".", "", 1).isdigit() else 0.2 * 2**tries
    return min(seconds, LONGEST_WAIT)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)
