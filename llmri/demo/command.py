"""`llmri demo`: the experiment, then the live part; everything it finds goes into one folder."""

import json
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from llmri.demo.live import DemoError, has_screen, play
from llmri.demo.report import draw_chart, results_table, write_csv
from llmri_protocol.command_line import Fitting, application, one_sentence
from llmri_protocol.messages import Edit
from llmri_protocol.user_files import whole_text
from llmri_server.experiments.ablation import (
    SITE,
    AblationCondition,
    ConditionScores,
    conditions,
    contrast,
    edits_of,
    run_condition,
)
from llmri_server.experiments.profiles import example_profile
from llmri_server.experiments.results import installed_versions
from llmri_server.pocket.questions import questions
from llmri_server.pocket.skills import SKILLS
from llmri_server.runtime import LoadError, Runtime
from llmri_server.runtimes.registry import load_runtime
from llmri_server.settings import Settings

app = application()


@dataclass(frozen=True)
class DemoPlan:
    """What the experiment does, and all that is needed to do it again."""

    model: str
    share: float
    draws: int
    questions: int
    examples: int
    seed: int


@app.command()
def demo(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="As `llmri serve` takes it, such as a GGUF file.")
    ] = "pocket",
    *,
    out: Annotated[Path, typer.Option(help="Folder for pictures and tables.")] = Path("demo-out"),
    share: Annotated[float, typer.Option(min=0.001, max=1.0, help="Share of the units to ablate.")] = 0.2,
    draws: Annotated[int, typer.Option(min=1, help="Random sets to compare with.")] = 10,
    each: Annotated[int, typer.Option(min=1, help="Questions a skill.")] = 60,
    examples: Annotated[int, typer.Option(min=1, help="Training examples a skill, to choose units.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of questions and random sets.")] = 0,
) -> None:
    """Watch a model, by default the bundled one, lose a skill: a conversation, pictures and a table."""
    console = Console()
    with one_sentence("llmri demo", DemoError, LoadError, OSError):
        out.mkdir(parents=True, exist_ok=True)
        laboratory = Laboratory(DemoPlan(model, share, draws, each, examples, seed), console)
        play(
            out,
            laboratory.edits,
            console,
            model=model,
            screen=has_screen(),
            afterwards=lambda: report(laboratory.outcomes(), laboratory.plan, out, console),
        )


class Laboratory:
    """The experiment, in this process; the model is loaded when it is first asked for something.

    Attributes:
        plan: What is done.
    """

    def __init__(self, plan: DemoPlan, console: Console) -> None:
        self.plan = plan
        self._console = console

    def edits(self) -> tuple[Edit, ...]:
        """Return the edits that ablate the most selective units."""
        return edits_of(self._conditions[1].draws[0])

    def outcomes(self) -> list[ConditionScores]:
        """Mark every skill under every condition, with a progress bar, or a line a condition in a pipe."""
        asked = [(skill, questions(skill, self.plan.questions, self.plan.seed)) for skill in SKILLS]
        total = sum(len(condition.draws) for condition in self._conditions) * len(SKILLS)
        columns = TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self._console, transient=True) as progress:
            bar = progress.add_task("experiment", total=total)
            outcomes = []
            for number, condition in enumerate(self._conditions, start=1):
                progress.update(bar, description=condition.name)
                if not self._console.is_terminal:
                    sets = f", {len(condition.draws)} sets" if len(condition.draws) > 1 else ""
                    self._say(f"experiment, {number} of {len(self._conditions)}: {condition.name}{sets} ...")
                outcomes.append(
                    run_condition(self._runtime, condition, asked, lambda _: progress.advance(bar))
                )
        return outcomes

    @cached_property
    def _runtime(self) -> Runtime:
        return load_runtime(Settings(model=self.plan.model, device="cpu"))

    @cached_property
    def _conditions(self) -> tuple[AblationCondition, ...]:
        """What is compared; the units are chosen from right answers to training questions."""
        plan, rng = self.plan, random.Random(self.plan.seed)
        self._say(
            f"choosing units from {plan.examples} training questions of each of {len(SKILLS)} skills ..."
        )
        magnitudes = [
            (skill, example_profile(self._runtime, SITE, examples).magnitude)
            for skill in SKILLS
            for examples in [[skill.sample(rng, "train") for _ in range(plan.examples)]]
        ]
        numeric, other = contrast(magnitudes)
        layer = self._runtime.card.layers // 2
        return conditions(numeric, other, share=plan.share, draws=plan.draws, layer=layer, seed=plan.seed)

    def _say(self, text: str) -> None:
        self._console.print(f"[dim]{text}[/dim]", highlight=False)


def report(outcomes: list[ConditionScores], plan: DemoPlan, out: Path, console: Console) -> None:
    """Print the table; leave it as CSV, as a chart, and with all that is needed to run it again."""
    names = [skill.name for skill in SKILLS]
    console.print(Fitting(results_table(outcomes, names)))
    write_csv(outcomes, names, out / "ablation.csv")
    draw_chart(outcomes, names, out / "ablation.png", plan.model)
    record = {
        "plan": plan.__dict__,
        "versions": installed_versions(),
        "outcomes": [
            {"condition": outcome.condition, "units": outcome.units, "marks": outcome.marks}
            for outcome in outcomes
        ],
    }
    with whole_text(out / "ablation.json") as file:
        file.write(json.dumps(record, indent=2) + "\n")
    console.print(f"Pictures, table and chart are in {out}/.", highlight=False)
