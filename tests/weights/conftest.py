"""Folders of the tests of checkpoints."""

from pathlib import Path

import pytest

from llmri_server.pocket import WEIGHTS


@pytest.fixture
def pocket() -> Path:
    return WEIGHTS


@pytest.fixture
def pocket_gguf() -> Path:
    return WEIGHTS.parent / "pocket-q8_0.gguf"
