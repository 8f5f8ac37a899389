"""Two replies side by side: where they part, how far apart they are, and under which edits."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_look import words as words_of
from llmri_protocol.messages import Compare, ComparedToken, Comparison, Stop
from llmri_viewer.views.compare import LINE, cells, chart_of, most_scroll, parts, token_at
from tests.viewer.conftest import Desk


def words(desk: Desk) -> str:
    desk.window.draw()
    return " | ".join(written.text for written in desk.window.canvas.written)


def compares(desk: Desk) -> list[Compare]:
    return [event for event in desk.server.received if isinstance(event, Compare)]


@pytest.fixture
def compared(told: Desk) -> Desk:
    told.play("x wait:edits v wait:measured")
    return told


def answer(desk: Desk) -> Comparison:
    found = desk.state.measurements.answer(Comparison)
    assert found is not None
    return found[1]


def test_both_replies_are_asked_for_and_shown_side_by_side(compared: Desk) -> None:
    assert len(compares(compared)) == 1
    assert (compares(compared)[0].edits, compares(compared)[0].prompt) == (None, None)
    said = words(compared)
    assert "the replies part at token 5, framed below" in said
    assert "without the edits" in said
    assert "with them" in said
    assert "mlp_act layer 4, unit 127" in said
    assert "in reply to “Tell me about a fox.”" in said


def test_the_first_token_that_differs_is_framed_in_both(compared: Desk) -> None:
    words(compared)
    places = parts(compared.state)
    for box, tokens in zip(places.texts, (answer(compared).plain, answer(compared).edited), strict=True):
        cell = cells(tokens, box.width)[5]
        corner = (box.x + cell.x + cell.width // 2, box.y + cell.line * LINE)
        assert compared.window.canvas.colour_at(corner) == compared.window.canvas.theme.accent


def test_the_bars_are_as_high_as_the_divergence(compared: Desk) -> None:
    compared.play("point:1,1")
    words(compared)
    canvas, kl = compared.window.canvas, answer(compared).kl
    chart = chart_of(parts(compared.state).strip)
    heights = []
    for number in range(len(kl)):
        x = chart.x + round((number + 0.4) * chart.width / len(kl))
        filled = [y for y in range(chart.y, chart.bottom - 1) if is_bar(canvas.colour_at((x, y)))]
        heights.append(len(filled))
    order = sorted(range(len(kl)), key=lambda number: kl[number])
    assert heights[order[-1]] > 0.5 * chart.height
    for low, high in pairwise(order):
        assert heights[low] <= heights[high] + 1


def is_bar(colour: tuple[int, int, int]) -> bool:
    red, green, blue = colour
    return blue > 150 and green < 140 and red > 100


def test_a_pointed_token_is_read_out(compared: Desk) -> None:
    box = parts(compared.state).texts[0]
    compared.play(f"point:{box.x + 3},{box.y + 3}")
    assert token_at(compared.state, (box.x + 3, box.y + 3)) == (0, 0)
    assert f"token 0  90.5 %  KL {words_of.nats(answer(compared).kl[0])}" in words(compared)
    strip = chart_of(parts(compared.state).strip)
    assert token_at(compared.state, (strip.right - 1, strip.y + 3)) == (0, len(answer(compared).kl) - 1)


def test_edits_that_changed_since_are_told_and_enter_compares_anew(compared: Desk) -> None:
    compared.play("z wait:edits")
    assert "measured under the edits below; no edit stands now" in words(compared)
    compared.play("return")
    assert compared.state.overlays.notice == "no edit stands: both replies would be the same"
    compared.play("b wait:edits")
    assert "other edits stand now; Enter compares anew" in words(compared)
    compared.play("return wait:measured")
    assert len(compares(compared)) == 2
    assert "the replies part at token 5" in words(compared)


def test_opening_the_view_again_repeats_nothing(compared: Desk) -> None:
    compared.play("v v wait:measured sleep:0.1")
    assert len(compares(compared)) == 1
    compared.play('say:"Another." wait:turn_end')
    assert "measured for an earlier prompt; Enter compares the last one" in words(compared)
    compared.play("v v wait:measured")
    assert len(compares(compared)) == 2


def test_without_edits_nothing_is_asked_and_the_view_says_what_to_do(told: Desk) -> None:
    told.play("v sleep:0.1")
    assert not compares(told)
    assert "No edit stands" in words(told)
    assert "ablate (X) or boost (B)" in words(told)


def test_nothing_said_says_so(desk: Desk) -> None:
    desk.play("wait:connected v")
    assert "Say something to the model" in words(desk)


def test_while_the_replies_are_written_escape_stops_it(told: Desk) -> None:
    told.server.holding = True
    told.play("x wait:edits v sleep:0.1")
    assert "Replying twice" in words(told)
    assert "reading both ways" in words(told)
    told.play("escape wait:measured")
    assert any(isinstance(event, Stop) and event.command for event in told.server.received)
    assert "not measured: the measurement was stopped" in words(told)
    told.server.holding = False


def test_a_refusal_is_told(told: Desk) -> None:
    told.play("x wait:edits")
    told.server.refuse = "the model is busy"
    told.play("v wait:measured sleep:0.1")
    assert "not measured: the model is busy" in words(told)


def test_long_replies_scroll_by_key_and_wheel_within_their_length(compared: Desk) -> None:
    compared.play("size:900x600")
    long = tuple(ComparedToken(id=n, text=f" word{n}", logprob=-0.1) for n in range(300))
    known = compared.state.measurements.answers["comparison"]
    longer = replace(known, answer=msgspec_replaced(answer(compared), long))
    answers = {**compared.state.measurements.answers, "comparison": longer}
    measurements = replace(compared.state.measurements, answers=answers)
    compared.session.state = replace(compared.state, measurements=measurements)
    most = most_scroll(compared.state)
    assert most > 10
    first = words(compared)
    compared.play("up")
    assert compared.state.pane.scroll == 0
    compared.play("down down down")
    assert compared.state.pane.scroll == 3
    assert words(compared) != first
    compared.play(" ".join(["down"] * most))
    assert compared.state.pane.scroll == most
    assert " word299" in words(compared)
    compared.play("up")
    assert compared.state.pane.scroll == most - 1


def msgspec_replaced(found: Comparison, tokens: tuple[ComparedToken, ...]) -> Comparison:
    return Comparison(
        id=found.id, prompt=found.prompt, plain=tokens, edited=tokens, plain_text="", edited_text="",
        first_difference=None, kl=(0.0,) * len(tokens), seconds=0.1,
    )  # fmt: skip


@given(st.lists(st.text(max_size=12), max_size=40), st.integers(40, 600))
def test_cells_never_overlap_and_stay_in_their_line(texts: list[str], width: int) -> None:
    laid = cells(tuple(ComparedToken(id=0, text=text, logprob=0.0) for text in texts), width)
    assert len(laid) == len(texts)
    for cell in laid:
        assert cell.x >= 0
        assert cell.x + cell.width <= width
    for before, cell in pairwise(laid):
        assert (cell.line, cell.x) > (before.line, before.x)
        assert cell.line > before.line or cell.x >= before.x + before.width
