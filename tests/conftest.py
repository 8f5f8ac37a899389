"""A certificate for `localhost`, made on the spot, and a cache folder that no other run has written to."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what programs find about models out of the user's own cache folder, and that out of the tests."""
    before = os.environ.get("LLMRI_CACHE")
    os.environ["LLMRI_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["LLMRI_CACHE"]
    if before is not None:
        os.environ["LLMRI_CACHE"] = before


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the files of a self-signed certificate for the name `localhost`, and of its key."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    request = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost "
        "-addext keyUsage=critical,digitalSignature,keyCertSign"
    )
    subprocess.run([*request.split(), "-out", cert, "-keyout", key], check=True, capture_output=True)
    return cert, key
