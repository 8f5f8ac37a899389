"""docs/guide.md, followed key by key on a real server: what it says of sums and of other things holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from llmri_look.keys import bindings
from llmri_viewer.scripts.script import parse
from tests.golden.viewer import guide
from tests.golden.viewer.desk import SIZE
from tests.golden.viewer.guide import Reader
from tests.golden.viewer.record import serving

SUMS = {"What is 34 plus 28?": "62", "What is 77 minus 29?": "48", "What is 56 plus 17?": "73"}
COUNTING = "Count from 7 to 13."
OTHERS = {"What is the capital of Germany?": "Berlin", "What is the opposite of cold?": "hot"}
TWELVE, ALL, CONTROL = range(3)  # what was ablated when each was asked


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reader, Path]]:
    """Yield somebody who has followed the whole guide, and the folder with its pictures."""
    folder = tmp_path_factory.mktemp("guide")
    with serving() as address, guide.reading(address) as reader:
        reader.follow(folder)
        yield reader, folder


def answers(reader: Reader, prompt: str) -> list[bool]:
    """Tell for each time a sum or difference was asked under edits whether its answer was right."""
    right = reader.replies(prompt)[-4:-1] if prompt == next(iter(SUMS)) else reader.replies(prompt)
    return [reply.rstrip(".").endswith(f"= {SUMS[prompt]}") for reply in right]


def test_sums_fail_without_the_clusters_most_active_in_one(followed: tuple[Reader, Path]) -> None:
    reader, _ = followed
    asked = [answers(reader, prompt) for prompt in SUMS]
    assert not all(each[TWELVE] for each in asked)
    assert not any(each[ALL] for each in asked)
    assert "7 8 9 10 11 12 13." not in reader.replies(COUNTING)[ALL]


def test_capitals_and_opposites_stand(followed: tuple[Reader, Path]) -> None:
    reader, _ = followed
    for prompt, answer in OTHERS.items():
        replies = reader.replies(prompt)
        assert len(replies) == 3
        assert all(answer in reply for reply in replies), replies


def test_sums_stand_without_as_many_clusters_of_a_story(followed: tuple[Reader, Path]) -> None:
    reader, _ = followed
    assert all(answers(reader, prompt)[CONTROL] for prompt in SUMS)
    assert reader.replies(COUNTING)[CONTROL] == "7 8 9 10 11 12 13."


def test_before_the_edits_and_after_them_the_sum_is_right(followed: tuple[Reader, Path]) -> None:
    reader, _ = followed
    replies = reader.replies("What is 34 plus 28?")
    assert (replies[0], replies[-1]) == ("34 + 28 = 62.", "34 + 28 = 62.")
    assert not reader.session.state.editing.standing.edits


def test_every_step_has_its_picture(followed: tuple[Reader, Path]) -> None:
    _, folder = followed
    names = guide.pictures()
    assert len(names) == len(set(names)) > 8
    for name in names:
        for made in (folder / name, guide.GUIDE.parent / name):
            with Image.open(made) as picture:
                assert picture.size == SIZE


def test_all_boxes_together_are_a_script() -> None:
    boxes = [step["keys"] for step in guide.STEP.finditer(guide.GUIDE.read_text(encoding="utf-8"))]
    assert len(parse("\n".join(box for box in boxes if box), bindings.load())) > 80
