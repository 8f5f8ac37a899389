"""Templates are programs of strangers: whatever they do ends in a text or in one sentence, soon."""

import threading

import pytest

from llmri_server.runtime import PromptError, StoppedError
from llmri_server.runtimes.common.templates.renderer import Renderer

ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
DOUBLING = "{% set n = namespace(x='12345') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
WORDS = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def hasty() -> Renderer:
    """Return a renderer of little patience."""
    return Renderer(seconds=1.0)


@pytest.fixture(scope="module")
def patient() -> Renderer:
    return Renderer()


def sentence(renderer: Renderer, source: str) -> str:
    with pytest.raises(PromptError) as refusal:
        renderer.render(source, WORDS)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("source", [ENDLESS, "{{ 10 ** (10 ** 9) }}"])
def test_a_template_that_does_not_end_is_ended(hasty: Renderer, source: str) -> None:
    assert sentence(hasty, source) == "the chat template was ended because it took longer than 1 seconds"
    assert hasty.render("{{ messages[0].content }}", WORDS) == "hi"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 10 ** 10 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'x'.center(10 ** 9) }}",
        "{{ 'x' | indent(10 ** 9) }}",
        "{{ [0] * 10 ** 9 }}",
        DOUBLING,
    ],
)
def test_a_template_that_fills_the_memory_is_ended(source: str) -> None:
    assert sentence(Renderer(), source) == "the chat template was ended because it takes too much memory"


def test_a_template_that_writes_without_measure_is_refused() -> None:
    said = sentence(Renderer(), "{{ 'x' * 10 ** 7 }}")
    assert said.startswith("the chat template writes too much: 10000000 characters, at most 10")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ 1 / 0 }}", "the chat template failed: ZeroDivisionError: division by zero"),
        ("{{ none.x.y }}", "the chat template failed: 'None' has no attribute 'x'"),
        ("{{ messages[9].content }}", "the chat template failed: list object has no element 9"),
        (
            "{{ messages + 1 }}",
            "the chat template failed: TypeError: can only concatenate list",
        ),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "the chat template failed: RecursionError: "),
        ("{% include 'other' %}", "the chat template failed: TypeError: no loader"),
        ("{{ raise_exception('No\nsystem') }}", "the chat template refuses the conversation: No system"),
        ("{% set n = namespace(_x=1) %}", "the chat template failed: a namespace has no place for the inner"),
        ("{% for %}", "the chat template cannot be read: line 1: Expected an expression"),
        ("\n{{ x | nope }}", "the chat template cannot be read: line 2: No filter named 'nope'"),
        ("{{" + "(" * 5000 + ")" * 5000 + "}}", "the chat template cannot be read: RecursionError: "),
    ],
)
def test_whatever_a_template_raises_is_one_sentence(patient: Renderer, source: str, said: str) -> None:
    assert sentence(patient, source).startswith(said)


def test_a_stop_is_heard_while_a_template_runs() -> None:
    renderer, stop = Renderer(seconds=600), threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(StoppedError):
        renderer.render(ENDLESS, WORDS, stop)
    assert renderer.render("{{ messages[0].content }}", WORDS) == "hi"


def test_a_process_that_was_ended_by_others_is_started_again() -> None:
    renderer, source = Renderer(), "{{ messages[0].content }}"
    assert renderer.render(source, WORDS) == "hi"
    assert renderer._child
    renderer._child._process.kill()
    renderer._child._process.wait()
    assert renderer.render(source, WORDS) == "hi"


def test_any_thread_may_ask(patient: Renderer) -> None:
    texts: list[str] = []
    source = "{{ messages[0].content }}"

    def ask(number: int) -> None:
        texts.append(patient.render(source, {"messages": [{"content": f"{number}\ud800é"}]}))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == [f"{number}\ud800é" for number in range(8)]
