"""A clustering of known parts, and a collection that gives one."""

import numpy as np
import pytest

from llmri.cluster.collection import Collected, Collector, collected
from llmri_clustering.units import UnitSet
from llmri_protocol.messages import Token, TurnEnd, TurnStart
from tests.llmri.cluster.messages import SITE, scan

TURNS, TOKENS, WIDTH, BLOCK = 24, 12, 20, 10


@pytest.fixture(scope="session")
def heard() -> Collected:
    """Return 24 turns, half of them sums, at two layers of 20 units: blocks of ten that fire together.

    The first block of layer 1 fires in sums only.
    """
    rng = np.random.default_rng(0)
    units = UnitSet.of_layers(SITE, (1, 3), WIDTH)
    collector = Collector(units, left_out=np.arange(len(units)) == 39, keep=1000)
    for turn in range(1, TURNS + 1):
        sums = turn % 2 == 0
        collector.announce(turn, "sums" if sums else "tales")
        collector.take(TurnStart(turn=turn, prompt="", new=True, time=0.0))
        for token in range(TOKENS):
            text = f" {token}" if sums else " word\x1b[31m"
            collector.take(Token(turn=turn, token=token, phase="prompt", id=0, text=text))
            driven = np.repeat(rng.normal(size=4), BLOCK)
            driven[:BLOCK] *= 4.0 if sums else 0.2
            rows = (driven + 0.3 * rng.normal(size=driven.shape)).reshape(2, WIDTH)
            collector.take(scan(turn, token, rows.astype(np.float32)))
        collector.take(TurnEnd(turn=turn, reason="end", text="", tokens=0, seconds=0.0))
    return collected(collector, "model", {})
