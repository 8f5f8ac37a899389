"""What ablating units does to every skill: the most selective units, and as many random ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_server.experiments.choosing import places_of
from llmri_server.experiments.replies import conversation_of
from llmri_server.experiments.selectivity import Mask, most_selective, random_units, within_layer
from llmri_server.pocket.questions import SPARE_TOKENS
from llmri_server.pocket.skills import Example, Skill
from llmri_server.runtime import Runtime

SITE = "mlp_act"
BATCH = 100  # questions asked at once

Questions = Sequence[tuple[Skill, Sequence[Example]]]
Magnitudes = npt.NDArray[np.floating]
Marks = Mapping[str, float]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class AblationCondition:
    """One way to ablate: its name, and a set of units a draw, each `[layers, width]`."""

    name: str
    draws: tuple[Mask, ...]


@dataclass(frozen=True)
class ConditionScores:
    """The share of each skill answered rightly, for every draw of a condition."""

    condition: str
    units: int
    marks: tuple[Marks, ...]

    def mean(self, skill: str) -> float:
        """Mean share over the draws."""
        return float(np.mean([marks[skill] for marks in self.marks]))

    def spread(self, skill: str) -> tuple[float, float]:
        """Least and greatest share over the draws."""
        shares = [marks[skill] for marks in self.marks]
        return min(shares), max(shares)


def contrast(magnitudes: Sequence[tuple[Skill, Magnitudes]]) -> tuple[Magnitudes, Magnitudes]:
    """Return each unit's magnitude for numbers, and the greatest for anything else, `[layers, width]` each.

    The first is the mean over the skills with numbers. Against the second, a unit that any other skill
    uses as much is not selective.
    """
    numeric = [values for skill, values in magnitudes if skill.numeric]
    other = [values for skill, values in magnitudes if not skill.numeric]
    return np.mean(numeric, axis=0), np.max(other, axis=0)


def conditions(
    numeric: Magnitudes, other: Magnitudes, *, share: float, draws: int, layer: int, seed: int
) -> tuple[AblationCondition, ...]:
    """Return the experiment's conditions, from the units' magnitudes in two kinds of text.

    Ablated are nothing, the `share` of all units most selective for numbers, as many random units, and
    the same two within one layer.

    Args:
        numeric: Mean magnitudes where numbers are answered, `[layers, width]`.
        other: The same where something else is answered.
        share: Share of the units to ablate, of all layers and of the one.
        draws: How many random sets.
        layer: The one layer.
        seed: Seed of the random sets.
    """
    rng = np.random.default_rng(seed)
    layers, width = numeric.shape
    count, count_within = round(share * numeric.size), round(share * width)
    rows = slice(layer, layer + 1)
    selective_within = most_selective(numeric[rows], other[rows], count_within)
    random_within = (random_units((1, width), count_within, rng) for _ in range(draws))
    return (
        AblationCondition("untouched", (np.zeros(numeric.shape, dtype=np.bool_),)),
        AblationCondition("selective, all layers", (most_selective(numeric, other, count),)),
        AblationCondition(
            "random, all layers", tuple(random_units((layers, width), count, rng) for _ in range(draws))
        ),
        AblationCondition(f"selective, layer {layer}", (within_layer(selective_within, layer, layers),)),
        AblationCondition(
            f"random, layer {layer}",
            tuple(within_layer(chosen, layer, layers) for chosen in random_within),
        ),
    )


def edits_of(units: Mask, site: str = SITE) -> tuple[Edit, ...]:
    """Return the edits that ablate those units, `[layers, width]`: one edit a layer that has any."""
    return tuple(Edit(site=site, layer=place.layer, units=place.units) for place in places_of(units))


def run_condition(
    runtime: Runtime, condition: AblationCondition, questions: Questions, progress: Progress
) -> ConditionScores:
    """Mark every skill under every draw of a condition."""
    marks = [dict(_mark_all(runtime, edits_of(units), questions, progress)) for units in condition.draws]
    return ConditionScores(condition.name, int(condition.draws[0].sum()), tuple(marks))


def _mark_all(
    runtime: Runtime, edits: tuple[Edit, ...], questions: Questions, progress: Progress
) -> Iterator[tuple[str, float]]:
    for skill, examples in questions:
        progress(skill.name)
        yield skill.name, _share(runtime, skill, examples, edits)


def _share(runtime: Runtime, skill: Skill, examples: Sequence[Example], edits: tuple[Edit, ...]) -> float:
    """Ask every question, each in a conversation of its own; give the share that is answered rightly."""
    right = 0
    for first in range(0, len(examples), BATCH):
        asked = examples[first : first + BATCH]
        prompts = [runtime.prompt_ids(conversation_of(example.prompt)) for example in asked]
        longest = max(len(runtime.text_ids(example.reply)) for example in asked)
        replies = runtime.greedy_replies(prompts, longest + SPARE_TOKENS, edits)
        right += sum(
            skill.check(example.prompt, reply) for example, reply in zip(asked, replies, strict=True)
        )
    return right / len(examples)
