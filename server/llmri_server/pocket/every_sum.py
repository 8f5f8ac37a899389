"""Ask for every sum and difference in range: `python -m llmri_server.pocket.every_sum`.

The marks are of held-out questions drawn at random; this says where in the range the few wrong ones lie.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmri_server.pocket import WEIGHTS
from llmri_server.pocket.score import mark
from llmri_server.pocket.skills.arithmetic import (
    ADDITION_PHRASES,
    LIMIT,
    SUBTRACTION_PHRASES,
    Addition,
    Subtraction,
)
from llmri_server.pocket.skills.base import Example

PHRASES = 3  # of each skill: those that people use
TWO_DIGITS = 10
BATCH = 250


@dataclass(frozen=True)
class Rate:
    """How many questions of a part of the range are answered rightly."""

    right: int
    asked: int

    def __str__(self) -> str:
        return f"{self.right:,} of {self.asked:,}"


def sums(phrase: str) -> list[Example]:
    """Return every question of a phrase whose answer is not negative."""
    minus = phrase in SUBTRACTION_PHRASES
    return [
        Example(
            phrase.format(a=a, b=b),
            f"{a} {'-' if minus else '+'} {b} = {a - b if minus else a + b}.",
            f"{a},{b}",
        )
        for a in range(LIMIT)
        for b in range(LIMIT)
        if a >= b or not minus
    ]


def rates(examples: Sequence[Example], wrong: Iterable[str]) -> tuple[Rate, Rate]:
    """Return the rates of questions whose numbers have two digits, and of the others."""
    missed = set(wrong)
    parts: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        parts[min(map(int, example.key.split(","))) < TWO_DIGITS].append(example)
    two, fewer = (Rate(sum(each.prompt not in missed for each in part), len(part)) for part in parts)
    return two, fewer


def main() -> None:
    """Ask them all, and print a table with the wrong ones below it."""
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    model = AutoModelForCausalLM.from_pretrained(WEIGHTS, dtype="float32")
    console = Console()
    wrong: list[tuple[str, str]] = []
    table = Table("asked as", "both of two digits", "one or both of one digit")
    for phrase in (*ADDITION_PHRASES[:PHRASES], *SUBTRACTION_PHRASES[:PHRASES]):
        examples = sums(phrase)
        skill = Subtraction() if phrase in SUBTRACTION_PHRASES else Addition()
        missed = mark(model, tokenizer, skill, examples, BATCH).wrong
        table.add_row(phrase, *map(str, rates(examples, (prompt for prompt, _ in missed))))
        wrong += missed
    console.print(table)
    for prompt, reply in wrong:
        console.print(f"{prompt!r} got {reply!r}", markup=False, highlight=False)


if __name__ == "__main__":
    main()
