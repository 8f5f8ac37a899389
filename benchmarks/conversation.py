"""A fixed conversation with the bundled model over all its skills, collected as `llmri cluster` collects."""

import random

from benchmarks.runs import Advance
from llmri.client import connect
from llmri.cluster.collect import Goal, listen
from llmri.cluster.collection import Collected, Collector, collected
from llmri.cluster.prompts import Prompt
from llmri.cluster.units import protected, units_of
from llmri_server import Server, Settings
from llmri_server.experiments.ablation import SITE
from llmri_server.pocket.skills import SKILLS
from llmri_server.torch_runtime import TorchRuntime

TURNS = 14  # a skill
SAMPLES = 8192  # more than come
SEED = 0
NUMBERS = "numbers"  # the group of the turns of all skills with numbers


def prompts(turns: int = TURNS, seed: int = SEED) -> tuple[Prompt, ...]:
    """Return training questions of every skill in turn; those with numbers are one group."""
    rng = random.Random(seed)
    return tuple(
        Prompt(skill.sample(rng, "train").prompt, NUMBERS if skill.numeric else skill.name)
        for _ in range(turns)
        for skill in SKILLS
    )


def hold(runtime: TorchRuntime, said: tuple[Prompt, ...], advance: Advance) -> Collected:
    """Serve the model, say the prompts, and collect at `mlp_act` of all layers.

    Raises:
        RuntimeError: The conversation broke off, or scans were lost.
    """
    with (
        Server(runtime, Settings(port=0, queue_scans=SAMPLES)) as server,
        connect("{}:{}".format(*server.address)) as client,
    ):
        card = client.welcome.card
        units = units_of(card, SITE, None)
        collector = Collector(units, left_out=protected(card, units), keep=SAMPLES, announced_only=True)
        client.subscribe(SITE)
        turns = 0

        def shown() -> None:
            nonlocal turns
            if collector.turns > turns:
                turns = collector.turns
                advance()

        ended = listen(client, collector, Goal(), said, shown)
    if ended or collector.tally.dropped:
        raise RuntimeError(f"the conversation is not whole: {ended or 'the server dropped scans'}")
    return collected(collector, card.name, {})
