"""What is asked and told as one: a bundled skill, or the prompts of one group."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from llmri_server.experiments.plan import Group, Plan, Question
from llmri_server.pocket.questions import questions
from llmri_server.pocket.skills import SKILLS, Skill

Right = Callable[[Question, str], bool]


@dataclass(frozen=True)
class Task:
    """Questions of one kind.

    Attributes:
        name: The skill's name, or the group's.
        group: The group.
        asked: What is asked; empty where the group only serves to choose units.
        studied: What units are chosen from; empty where the group is only asked.
        right: Whether a reply is right; None where that is not known.
    """

    name: str
    group: str
    asked: tuple[Question, ...]
    studied: tuple[Question, ...]
    right: Right | None


def tasks_of(plan: Plan) -> tuple[Task, ...]:
    """Return the tasks of a plan whose files were read, in its order."""
    return tuple(task for group in plan.groups for task in _of_group(group, plan.seed))


def _of_group(group: Group, seed: int) -> tuple[Task, ...]:
    known = {skill.name: skill for skill in SKILLS}
    tasks = [_of_skill(known[name], group, seed) for name in group.skills] or [_of_prompts(group)]
    asked, studied = group.use != "choose", group.use != "ask"
    return tuple(
        replace(task, asked=task.asked if asked else (), studied=task.studied if studied else ())
        for task in tasks
    )


def _of_skill(skill: Skill, group: Group, seed: int) -> Task:
    """Ask held-out questions; choose from training answers."""
    rng = random.Random(f"{skill.name}/{seed}/examples")
    studied = [skill.sample(rng, "train") for _ in range(group.examples)]
    return Task(
        name=skill.name,
        group=group.name,
        asked=tuple(_question(each.prompt, each.reply) for each in questions(skill, group.questions, seed)),
        studied=tuple(_question(each.prompt, each.reply) for each in studied),
        right=lambda question, reply: skill.check(question.prompt, reply),
    )


def _of_prompts(group: Group) -> Task:
    marked = all(question.reply for question in group.prompts)
    right = (_equal if group.match == "exact" else _contained) if marked else None
    return Task(group.name, group.name, group.prompts, group.prompts, right)


def _question(prompt: str, reply: str) -> Question:
    return Question(prompt=prompt, reply=reply)


def _equal(question: Question, reply: str) -> bool:
    return reply.strip() == (question.reply or "").strip()


def _contained(question: Question, reply: str) -> bool:
    return (question.reply or "").strip() in reply
