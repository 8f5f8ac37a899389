"""A guess is made only where one is near."""

import pytest

from llmri_protocol.suggestions import did_you_mean

KNOWN = ("dose", "layers", "mathematics-and-poetry")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("doze", "; did you mean `dose`?"),
        ("Layers", "; did you mean `layers`?"),
        ("mathematics-and-poetr", "; did you mean `mathematics-and-poetry`?"),
        ("xyz", ""),
        ("", ""),
        ("/home/somebody/a/file.toml", ""),
    ],
)
def test_only_what_is_near_is_suggested(given: str, meant: str) -> None:
    assert did_you_mean(given, KNOWN) == meant


def test_nothing_is_near_nothing() -> None:
    assert did_you_mean("dose", ()) == ""
