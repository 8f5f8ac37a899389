import random
from itertools import islice, pairwise

import pytest

from llmri_server.pocket.dialogues import PRACTICE_SHARES, SHARES, conversation, exchanges
from llmri_server.pocket.skills import SKILLS, Skill, Split
from llmri_server.pocket.skills.arithmetic import Addition, Subtraction
from llmri_server.pocket.skills.base import split_of
from llmri_server.pocket.skills.grammar import Grammar

BY_NAME = {skill.name: skill for skill in SKILLS}
skills = pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)


@skills
@pytest.mark.parametrize("split", ["train", "held_out"])
def test_a_skill_accepts_its_own_answers(skill: Skill, split: Split) -> None:
    rng = random.Random(0)
    for _ in range(300):
        example = skill.sample(rng, split)
        assert skill.check(example.prompt, example.reply), example


@skills
def test_a_skill_refuses_the_answer_to_another_question(skill: Skill) -> None:
    rng = random.Random(1)
    examples = [skill.sample(rng, "held_out") for _ in range(100)]
    asked_otherwise = [
        skill.check(one.prompt, other.reply)
        for one, other in pairwise(examples)
        if one.key.split("/")[0] != other.key.split("/")[0]
    ]
    assert sum(asked_otherwise) <= len(asked_otherwise) / 10


@skills
@pytest.mark.parametrize("nonsense", ["", "   ", "I do not know.", "82 82 82", "\n\n\n"])
def test_a_skill_refuses_nonsense(skill: Skill, nonsense: str) -> None:
    prompt = (
        "What is 11 plus 12?" if skill.name == "addition" else skill.sample(random.Random(2), "train").prompt
    )
    assert not skill.check(prompt, nonsense)


@skills
def test_the_same_seed_draws_the_same_questions(skill: Skill) -> None:
    once, again = ([skill.sample(random.Random(7), "train") for _ in range(1)] for _ in range(2))
    assert once == again


@skills
def test_no_key_is_in_both_splits(skill: Skill) -> None:
    rng = random.Random(3)
    drawn = {split: {skill.sample(rng, split).key for _ in range(1000)} for split in ("train", "held_out")}
    assert not drawn["train"] & drawn["held_out"]


def test_a_tenth_of_all_pairs_is_held_out_of_addition_whichever_number_comes_first() -> None:
    pairs = [(a, b) for a in range(10, 100) for b in range(a, 100)]
    held_out = [pair for pair in pairs if split_of("addition", f"{pair[0]}+{pair[1]}") == "held_out"]
    assert 0.08 < len(held_out) / len(pairs) < 0.12
    rng = random.Random(4)
    for _ in range(2000):
        example = Addition().sample(rng, "train")
        a, b = sorted(int(number) for number in example.key.split("+"))
        assert (a, b) not in held_out


@pytest.mark.parametrize(
    ("prompt", "right", "wrong"),
    [("What is 37 plus 45?", "37 + 45 = 82.", "37 + 45 = 72."), ("99+99", "198", "199")],
)
def test_addition_is_marked_by_its_result(prompt: str, right: str, wrong: str) -> None:
    assert Addition().check(prompt, right)
    assert not Addition().check(prompt, wrong)


def test_subtraction_knows_which_number_is_taken_from_which() -> None:
    assert Subtraction().check("Subtract 12 from 50.", "50 - 12 = 38.")
    assert not Subtraction().check("Subtract 12 from 50.", "50 - 12 = 62.")


def test_a_poem_with_one_couplet_twice_is_refused() -> None:
    couplet = "I hear the sea begin to sing,\nand think of all that it may bring."
    assert not BY_NAME["poems"].check("Write a poem about the sea.", f"{couplet}\n{couplet}")


def test_a_story_about_somebody_else_is_refused() -> None:
    stories = BY_NAME["stories"]
    example = stories.sample(random.Random(5), "held_out")
    name = example.key.split("/")[1]
    other = "Max" if name != "Max" else "Lily"
    assert not stories.check(example.prompt.replace(name, other), example.reply)


def test_a_slot_means_one_word_throughout_a_text() -> None:
    grammar = Grammar((("A {pet}.", "My {pet}."), ("The {pet} sleeps.",)), {"pet": ("cat", "dog")})
    assert grammar.read("My cat. The cat sleeps.") == {"pet": "cat"}
    assert grammar.read("My cat. The dog sleeps.") is None
    assert grammar.read("My cat. The cat sleeps. The cat sleeps.") is None


def test_conversations_are_training_questions_in_turn() -> None:
    rng = random.Random(6)
    messages = conversation(rng, 5)
    roles = [message["role"] for message in messages if message["role"] != "system"]
    assert roles == ["user", "assistant"] * 5
    assert len(SHARES) == len(PRACTICE_SHARES) == len(SKILLS)


def test_every_skill_turns_up_in_conversation() -> None:
    replies = [reply for _, reply in islice(exchanges(random.Random(8)), 2000)]
    for mark in (" + ", " - ", "capital", "French", "opposite", "named", "\n", "z e b r"[::-1]):
        assert any(mark in reply for reply in replies), mark
