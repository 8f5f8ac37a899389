"""A certificate for `localhost`, made on the spot."""

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the files of a self-signed certificate for the name `localhost`, and of its key."""
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
