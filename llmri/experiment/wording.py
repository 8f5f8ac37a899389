"""The words for conditions and figures, the same in tables and pictures."""

from llmri_server.experiments.plan import Measure, Plan
from llmri_server.experiments.sets import Kind
from llmri_server.experiments.summary import Condition

TITLES: dict[Measure, str] = {
    "score": "Answered rightly",
    "loss": "Loss of the right reply, nats a token",
    "kl": "KL from the untouched model, nats a token",
}
KINDS: dict[Kind | None, str] = {
    None: "untouched",
    "chosen": "chosen",
    "random": "random, equal number",
    "matched": "random, equal norm",
}

SMALLEST = 0.001  # that is written with its digits


def told(condition: Condition, plan: Plan) -> str:
    """Say what was done, without the layer."""
    if condition.operation is None:
        return "nothing"
    operation = plan.operations[condition.operation]
    positions = operation.positions if isinstance(operation.positions, str) else "some positions"
    where = "" if positions == "all" else f", {positions}"
    dose = "" if condition.dose is None else f" {condition.dose:g}"
    return f"{operation.op}{dose}{where}"


def figure(value: float, measure: Measure) -> str:
    """Write a score as a percentage, a loss or KL to a thousandth."""
    if measure == "score":
        return f"{value:.0%}"
    if 0 < value < SMALLEST / 2:
        return f"<{SMALLEST}"
    return f"{value:.3f}" if value else "0"


def interval(low: float, high: float, measure: Measure) -> str:
    """Write an interval, short."""
    ends = [figure(end, measure) for end in (low, high)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0].removesuffix('%')} to {ends[1]}"
