"""What a card says of a model's use."""

from llmri_server.pocket.skills import SKILLS
from llmri_server.runtimes.common.about import about


def test_the_bundled_model_names_each_skill_with_a_question_of_it() -> None:
    first, *lines = about("pocket").splitlines()
    assert "9 skills" in first
    assert [line.partition(":")[0] for line in lines] == [skill.name for skill in SKILLS]
    assert lines[0] == "addition: Add 30 and 75."


def test_nothing_is_said_of_a_model_that_nobody_described() -> None:
    assert about("some/model") == ""
