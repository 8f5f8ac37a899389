"""What a reader should know before trusting a clustering."""

from collections import Counter

import numpy as np

from llmri_clustering.samples import AnySamples

ENOUGH_SAMPLES = 200
ENOUGH_TURNS = 20


def cautions(samples: AnySamples, *, count: int, taking_part: int, constant: int) -> tuple[str, ...]:
    """Return warnings about what a clustering stands on, one sentence each.

    Args:
        samples: The samples that were kept.
        count: Scans that the correlation stands on.
        taking_part: Units that were clustered.
        constant: Units that were not, for being constant.
    """
    turns = np.unique(samples.turn).tolist()
    found = []
    if count < ENOUGH_SAMPLES:
        found.append(
            f"It stands on {count} samples, fewer than {ENOUGH_SAMPLES}: a correlation under "
            f"{2 / np.sqrt(max(count, 4)):.2f} cannot be told from none, since its sampling error is about "
            "one over the root of their number."
        )
    elif count < taking_part:
        found.append(
            f"It stands on {count} samples of {taking_part} units: the correlation of any two units is "
            "uncertain, and only what holds for a whole cluster can be trusted."
        )
    if len(turns) < ENOUGH_TURNS:
        found.append(
            f"The samples come from {len(turns)} turns, fewer than {ENOUGH_TURNS}: tokens of one turn are "
            "much alike, so that they count for less than their number."
        )
    groups = Counter(samples.texts[turn].group for turn in turns if turn in samples.texts)
    if single := sorted(group for group, size in groups.items() if group and size == 1):
        found.append(f"No effect is given for groups of a single turn: {', '.join(single)}.")
    if constant:
        units = "unit was" if constant == 1 else "units were"
        found.append(f"{constant} {units} constant in all samples and in no cluster.")
    return tuple(found)
