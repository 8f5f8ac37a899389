"""What the README shows is what happens, and every sum that program or pages suggest comes out right."""

import contextlib
import io
import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

import llmri
from llmri import Edit
from llmri_protocol.bundled import BUNDLED, KNOWS
from llmri_server import Server, Settings
from llmri_server.pocket import WEIGHTS
from llmri_server.pocket.every_sum import sums
from llmri_server.pocket.score import mark
from llmri_server.pocket.skills import Example
from llmri_server.pocket.skills.arithmetic import ADDITION_PHRASES, SUBTRACTION_PHRASES, Addition, Subtraction
from llmri_server.torch_runtime import load

ROOT = Path(__file__).parents[2]
# Where people find sums to try: whole questions, as they would be typed.
PLACES = (
    "README.md",
    "docs/*.md",
    "configs/**/*.toml",
    "configs/**/*.txt",
    "llmri/**/*.py",
    "viewer/**/*.py",
)
QUESTION = re.compile(r"(?:What is|How much is|Calculate) (\d+) (plus|minus|\+|-) (\d+)")
TWO_DIGITS = range(10, 100)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    settings = Settings(port=0, protect="none", max_new_tokens=20)
    with Server(load(BUNDLED, device="cpu", dtype="float32"), settings) as running:
        yield running


def python_examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("code", python_examples())
def test_the_readmes_python_prints_what_it_says(code: str, server: Server) -> None:
    told = re.findall(r"print\(.*\)  # (.*)", code)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code.replace("127.0.0.1:9999", "{}:{}".format(*server.address)), {})
    lines = output.getvalue().splitlines()
    sentences = [line for line in told if line.endswith(".")]
    assert len(sentences) == 3
    assert lines[: len(sentences)] == sentences
    divergences = [float(number) for number in lines[-1].strip("()").split(",")]
    assert max(divergences) > 1  # nats: the head matters


def test_no_other_head_is_needed_for_that_sum(server: Server) -> None:
    card = server.runtime.card
    assert f"Of the {card.layers * card.heads} heads" in (ROOT / "README.md").read_text(encoding="utf-8")
    with llmri.connect("{}:{}".format(*server.address)) as model:
        needed = []
        for head in itertools.product(range(card.layers), range(card.heads)):
            model.intervene(Edit(site="z", layer=head[0], heads=(head[1],)), replace=True)
            if model.chat("What is 37 plus 45?", new=True).text != "37 + 45 = 82.":
                needed.append(head)
        model.clear_interventions()
    assert needed == [(2, 3)]


def suggested() -> dict[str, tuple[int, str, int]]:
    """Every sum that the pages and the program ask for, by where it first stands."""
    found: dict[tuple[int, str, int], str] = {}
    for place in PLACES:
        for file in sorted(ROOT.glob(place)):
            for a, sign, b in QUESTION.findall(file.read_text(encoding="utf-8")):
                found.setdefault((int(a), "-" if sign in ("minus", "-") else "+", int(b)), file.name)
    return {f"{name}: {a} {sign} {b}": (a, sign, b) for (a, sign, b), name in found.items()}


@pytest.fixture(scope="module")
def pocket() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model = AutoModelForCausalLM.from_pretrained(WEIGHTS, dtype="float32")
    return model, AutoTokenizer.from_pretrained(WEIGHTS)


def test_every_suggested_sum_comes_out_right(
    pocket: tuple[PreTrainedModel, PreTrainedTokenizerBase],
) -> None:
    assert len(suggested()) > 10
    for sign, skill, phrases in (
        ("+", Addition(), ADDITION_PHRASES),
        ("-", Subtraction(), SUBTRACTION_PHRASES),
    ):
        asked = [
            Example(phrases[0].format(a=a, b=b), "", f"{a},{b}")
            for a, found, b in suggested().values()
            if found == sign
        ]
        assert asked
        examples = [Example(each.prompt, "99 + 99 = 198.", each.key) for each in asked]
        assert mark(*pocket, skill, examples).wrong == ()


def test_the_rate_that_guests_are_told_is_measured(
    pocket: tuple[PreTrainedModel, PreTrainedTokenizerBase],
) -> None:
    """A fixed sample of what `python -m llmri_server.pocket.every_sum` asks for in full."""
    draw = random.Random(0)
    for phrase, skill, total in (
        (ADDITION_PHRASES[0], Addition(), 8100),
        (SUBTRACTION_PHRASES[0], Subtraction(), 4095),
    ):
        two_digits = [each for each in sums(phrase) if min(map(int, each.key.split(","))) in TWO_DIGITS]
        assert len(two_digits) == total
        assert f"{total:,}" in KNOWS
        assert mark(*pocket, skill, draw.sample(two_digits, 200)).wrong == ()
