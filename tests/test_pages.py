"""Every path that the pages for contributors name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("docs/architecture.md", "CONTRIBUTING.md", "README.md")
NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`|\]\(([\w./-]+)\)")


def named(page: str) -> list[str]:
    """Paths in backquotes, from the repository's root, and targets of links, from the page's folder."""
    folder = Path(page).parent
    text = (ROOT / page).read_text(encoding="utf-8")
    return [quoted or str(folder / linked) for quoted, linked in NAMED.findall(text)]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    paths = [path for path in named(page) if not path.startswith(("demo-out", "http"))]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_pages_for_contributors_are_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/architecture.md)" in readme
    assert "(CONTRIBUTING.md)" in readme
