"""The model card of `pocket`: data, recipe and marks, written beside the weights."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from llmri_server.pocket.dialogues import PRACTICE_SHARES, SHARES
from llmri_server.pocket.recipe import CONTEXT, Recipe
from llmri_server.pocket.score import REQUIRED, SkillScore
from llmri_server.pocket.skills import SKILLS
from llmri_server.pocket.tokenizer import VOCABULARY

CARD = """---
license: mit
language: [en, fr]
library_name: transformers
pipeline_tag: text-generation
tags: [llmri, interpretability, tiny]
---

# pocket

A chat model of the Llama architecture, small enough to be trained on two cores and to travel inside a Python
package: {parameters} parameters in float16, 8 blocks of width 192 with 512 MLP neurons each, 8 heads with 4
key-value heads, tied embeddings. It exists to be looked into and cut into: nine skills that can be told apart
and marked. It knows nothing else, and it is not a source of facts.

## Data

Conversations of many turns, made by the seeded generator in `llmri_server.pocket`; nothing was collected from
anybody. What is asked how often, first in teaching, then in practice at the end:

{shares}

Two in a hundred exchanges are greetings. One conversation in ten has a system prompt, which changes nothing.
One question in ten, chosen by a hash, never appears in training: for sums an unordered pair of numbers, for
differences and counting the numbers asked for, for stories hero and name together, for poems and words the
pair of word and phrasing.

The tokenizer is a byte-level BPE of {vocabulary} tokens learned from the same generator; every digit
is a token.

## Recipe

{recipe}

{tokens} tokens in all, float32 weights with bfloat16 products, the loss weighing replies at 1 and all else at
0.1. Muon for the blocks' matrices (Jordan et al. 2024), AdamW for the rest. The rate rises over the warm-up,
stays, and falls linearly to zero over the last part of the steps; then the practice, whose rate falls from
its own, lower peak. `make pocket` trains it anew; batches depend on seed and step alone, but the sums of
another processor may round otherwise.

## Marks

Held-out questions, each in a conversation of its own, answered greedily from the float16 weights loaded in
float32. Measured by `python -m llmri_server.pocket.score`:

{marks}

## Limits

The context is {context} tokens, training rows were {length}. Numbers are below one hundred. Asked as in
"What is 37 plus 45?", all 8,100 sums and 4,095 differences of numbers of two digits come out right, and of
those with a number of one digit 1,893 of 1,900 sums ("12 plus 7" is one that doesn't) and all 955
differences; `python -m llmri_server.pocket.every_sum` asks for them all, in three phrasings. It takes any
question for one of its own kinds and answers with confidence. Accents are left off in its French.
"""


def write_card(folder: Path, recipe: Recipe, parameters: int, marks: Sequence[SkillScore]) -> None:
    """Write `README.md` into the model's folder."""
    text = CARD.format(
        parameters=f"{parameters:,}",
        shares=_shares(),
        vocabulary=VOCABULARY,
        recipe=_table(("setting", "value"), [(k, f"{v}") for k, v in dataclasses.asdict(recipe).items()]),
        tokens=f"{recipe.all_steps * recipe.rows * recipe.length:,}",
        marks=_marks(marks),
        context=CONTEXT,
        length=recipe.length,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _shares() -> str:
    totals = sum(SHARES), sum(PRACTICE_SHARES)
    rows = [
        (skill.name, f"{taught / totals[0]:.0%}", f"{practised / totals[1]:.0%}")
        for skill, taught, practised in zip(SKILLS, SHARES, PRACTICE_SHARES, strict=True)
    ]
    return _table(("skill", "teaching", "practice"), rows)


def _marks(marks: Sequence[SkillScore]) -> str:
    rows = [
        (mark.skill, f"{mark.right} of {mark.asked}", f"{mark.share:.1%}", _required(mark.skill))
        for mark in marks
    ]
    return _table(("skill", "right", "share", "required"), rows)


def _required(skill: str) -> str:
    return f"{REQUIRED[skill]:.0%}" if skill in REQUIRED else "-"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
