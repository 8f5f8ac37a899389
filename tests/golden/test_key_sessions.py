"""Recorded sessions at the keyboard end in the states they ended in."""

import json

import pytest

from tests.golden.viewer.sessions import FILE, SESSIONS, ended


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_ends_in_the_same_state(name: str) -> None:
    expected = json.loads(FILE.read_text(encoding="utf-8"))[name]
    assert json.loads(json.dumps(ended(SESSIONS[name]))) == expected
