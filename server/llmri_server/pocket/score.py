"""Score a checkpoint on held-out questions: `python -m llmri_server.pocket.score [FOLDER]`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from llmri_protocol.command_line import FAILED
from llmri_server.pocket import WEIGHTS
from llmri_server.pocket.answers import greedy_replies
from llmri_server.pocket.questions import SPARE_TOKENS, questions
from llmri_server.pocket.skills import SKILLS, Example, Skill

QUESTIONS = 300
REQUIRED = {
    "addition": 0.97,
    "subtraction": 0.95,
    "counting": 0.95,
    "capitals": 0.98,
    "french": 0.98,
    "opposites": 0.98,
    "stories": 0.90,
    "poems": 0.90,
}


@dataclass(frozen=True)
class SkillScore:
    """How a model did at one skill."""

    skill: str
    right: int
    asked: int
    wrong: tuple[tuple[str, str], ...]  # question and reply

    @property
    def share(self) -> float:
        """The share answered rightly, from 0 to 1."""
        return self.right / self.asked


def mark(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    skill: Skill,
    examples: Sequence[Example],
    batch: int = 100,
) -> SkillScore:
    """Ask every question, each in a conversation of its own, greedily, and mark the replies."""
    wrong = []
    for first in range(0, len(examples), batch):
        asked = examples[first : first + batch]
        prompts = [example.prompt for example in asked]
        longest = max(len(tokenizer(example.reply)["input_ids"]) for example in asked)
        replies = greedy_replies(model, tokenizer, prompts, longest + SPARE_TOKENS)
        wrong += [
            (prompt, reply)
            for prompt, reply in zip(prompts, replies, strict=True)
            if not skill.check(prompt, reply)
        ]
    return SkillScore(skill.name, len(examples) - len(wrong), len(examples), tuple(wrong))


def mark_folder(folder: Path, each: int, seed: int = 0) -> list[SkillScore]:
    """Score the checkpoint in a folder at every skill, with at most `each` questions a skill."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    return [
        mark(model, tokenizer, skill, questions(skill, each, seed))
        for skill in track(SKILLS, "marking", transient=True)
    ]


def marks_table(marks: Sequence[SkillScore]) -> Table:
    """Lay the marks out, the required share beside each."""
    table = Table("skill", "right", "asked", "share", "required")
    for row in marks:
        required = REQUIRED.get(row.skill)
        wanted = f"{required:.0%}" if required else "-"
        table.add_row(row.skill, str(row.right), str(row.asked), f"{row.share:.1%}", wanted)
    return table


def main(
    folder: Annotated[Path, typer.Argument(help="A checkpoint in transformers' format.")] = WEIGHTS,
    each: Annotated[int, typer.Option(help="Questions a skill, at most.")] = QUESTIONS,
    seed: Annotated[int, typer.Option(help="Seed of the questions.")] = 0,
    show_wrong: Annotated[int, typer.Option(help="Wrong replies to show a skill.")] = 2,
) -> None:
    """Score a checkpoint on held-out questions, skill by skill, and print the table."""
    console = Console()
    if not (folder / "config.json").is_file():
        console.print(f"{folder} holds no model: there is no config.json in it.")
        raise typer.Exit(FAILED)
    marks = mark_folder(folder, each, seed)
    for row in marks:
        for prompt, reply in row.wrong[:show_wrong]:
            console.print(f"{row.skill}: {prompt!r} got {reply!r}", markup=False)
    console.print(marks_table(marks))
    missed = [row.skill for row in marks if row.share < REQUIRED.get(row.skill, 0.0)]
    if missed:
        console.print(f"Below what is required: {', '.join(missed)}.")
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    typer.run(main)
