"""Time on screen: the line of all turns, following, holding and replaying; nothing that comes is lost."""

from dataclasses import replace

import numpy as np
import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_look.keys.bindings import Bindings
from llmri_protocol.messages import Token
from llmri_viewer.drawing.panels import strip, timeline
from llmri_viewer.drawing.panels.side import thinned
from llmri_viewer.model.history.store import ScanRows, ScanStore, TokenRef
from llmri_viewer.model.history.timeline import (
    EMPTY,
    GONE,
    READ,
    READ_KEPT,
    WRITTEN,
    WRITTEN_KEPT,
    codes,
    timeline_of,
)
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.options import Options
from llmri_viewer.model.playback import QUICKEST, SLOWEST, Player, pace, time_word
from llmri_viewer.model.state import ViewState, first
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer

SHEET = ScanRows((0,), np.zeros((1, 4), np.float32))


def told_store(turns: dict[int, tuple[int, int]], budget: int = 1 << 30) -> ScanStore:
    """A store of turns by number: how many tokens were read and written; all but the last one have a scan."""
    store = ScanStore(budget)
    for turn, (read, written) in turns.items():
        for token in range(read + written):
            phase = "prompt" if token < read else "generate"
            store.add_token(Token(turn=turn, token=token, phase=phase, id=1, text=" w"))  # type: ignore[arg-type]
            if token < read + written - 1:
                store.add_scan(TokenRef(turn, token), "a", SHEET._replace(time=100.0 * turn + 0.2 * token))
    return store


def state_at(at: TokenRef | None, **changes: object) -> ViewState:
    state = first(Options(), "here", site="a")
    return replace(state, time=replace(state.time, at=at, **changes))  # type: ignore[arg-type]


@given(st.dictionaries(st.integers(1, 9), st.tuples(st.integers(1, 5), st.integers(1, 9)), min_size=1))
def test_each_moment_has_a_place_on_the_line_that_leads_back_to_it(turns: dict[int, tuple[int, int]]) -> None:
    line = timeline_of(told_store(dict(sorted(turns.items()))))
    moments = [TokenRef(turn, token) for turn in sorted(turns) for token in range(sum(turns[turn]))]
    places = [line.place(moment) for moment in moments]
    assert places == sorted(places)
    assert [line.moment(place) for place in places] == moments
    assert (line.moment(-3.0), line.moment(9.0)) == (moments[0], moments[-1])


def test_the_line_tells_what_was_read_and_written_kept_and_let_go() -> None:
    store = told_store({1: (2, 4), 2: (2, 2)})
    line = timeline_of(store)
    kept = [READ_KEPT] * 2 + [WRITTEN_KEPT] * 3 + [WRITTEN, READ_KEPT, READ_KEPT, WRITTEN_KEPT, WRITTEN]
    assert codes(line, store, "a", 10).tolist() == kept
    assert codes(line, store, "b", 10).tolist() == [READ] * 2 + [WRITTEN] * 4 + [READ] * 2 + [WRITTEN] * 2
    store.budget = store.bytes - 2 * SHEET.bytes
    store.add_token(Token(turn=2, token=4, phase="generate", id=1, text="w"))
    assert codes(timeline_of(store), store, "a", 11).tolist()[:4] == [GONE] * 3 + [WRITTEN_KEPT]
    empty = ScanStore(9)
    assert set(codes(timeline_of(empty), empty, "a", 5).tolist()) == {EMPTY}


def test_every_scan_has_a_pixel_however_many_there_are() -> None:
    store = told_store(dict.fromkeys(range(1, 300), (1, 8)))
    assert set(codes(timeline_of(store), store, "a", 100).tolist()) == {WRITTEN_KEPT}
    sparse = ScanStore(1 << 20)
    sparse.add_token(Token(turn=1, token=999, phase="prompt", id=1, text="w"))
    sparse.add_scan(TokenRef(1, 500), "a", SHEET)
    assert (codes(timeline_of(sparse), sparse, "a", 10) == READ_KEPT).sum() == 1


def test_the_three_ways_of_time_have_words_of_their_own() -> None:
    store = told_store({1: (2, 4), 2: (2, 2)})
    assert time_word(state_at(TokenRef(2, 2)), store) == ("following", "live")
    assert time_word(state_at(TokenRef(2, 2), paused=True), store) == ("paused", "held")
    assert time_word(state_at(TokenRef(1, 1), paused=True), store) == ("paused, 6 behind", "held")
    assert time_word(state_at(TokenRef(1, 1), paused=True, replaying=True), store) == ("replaying", "replay")


def test_a_replay_goes_at_the_pace_the_tokens_had_within_what_an_eye_can_follow() -> None:
    store = ScanStore(1 << 20)
    for token, time in enumerate((1.0, 1.001, 1.301, 9.0, 0.0)):
        store.add_scan(TokenRef(1, token), "a", SHEET._replace(time=time))
    paces = [pace(store, "a", TokenRef(1, token), TokenRef(1, token + 1)) for token in range(4)]
    assert paces == pytest.approx([QUICKEST, 0.3, SLOWEST, QUICKEST])


def test_a_replay_shows_every_token_once_and_follows_at_the_end() -> None:
    store, player = told_store({1: (2, 4), 2: (2, 2)}), Player()
    state = state_at(TokenRef(1, 2), paused=True, replaying=True)
    seen = [state.time.at]
    for _ in range(1000):
        state = player.advance(state, store, 0.05)
        if state.time.at != seen[-1]:
            seen.append(state.time.at)
    assert seen == [
        TokenRef(1, 2),
        TokenRef(1, 3),
        TokenRef(1, 4),
        *(TokenRef(2, token) for token in range(3)),
    ]
    assert (state.time.paused, state.time.replaying) == (False, False)
    assert player.advance(state, store, 0.05) is state


def test_nothing_that_comes_while_time_is_held_is_lost(told: Desk) -> None:
    told.play("home right right")
    held = told.state.time.at
    told.server.speak("one more")
    told.play("wait:turn_end sleep:0.1")
    store = told.session.store
    assert told.state.time.at == held
    assert len(store.moments(2, "mlp_act")) == len(store.turns[2].tokens) - 1
    came = len(store.moments(2, "mlp_act"))
    told.window.draw()
    assert f"{came} new tokens" in [text.text for text in told.window.canvas.written]
    told.play("end")
    assert told.state.time.at == TokenRef(2, came - 1)
    told.play("left space")
    assert (told.state.time.at, told.state.time.paused) == (TokenRef(2, came - 1), False)


def test_what_is_shown_being_let_go_is_told(server: SyntheticServer, table: Bindings) -> None:
    desk = Desk(server, Options(memory_mib=16), table)
    desk.session.store.budget = 60 * 20_000
    desk.play(STORY_TOLD + "home")
    desk.server.speak("one more")
    desk.play("wait:turn_end sleep:0.1")
    assert "let go" in desk.state.overlays.notice
    desk.window.draw()
    said = [text.text for text in desk.window.canvas.written]
    assert "This scan was let go" in said
    assert any("scans let go" in text for text in said)
    desk.play("home")
    assert desk.session.store.scan(desk.state.time.at, "mlp_act") is not None
    desk.close()


def test_shift_space_replays_and_space_holds_it(told: Desk) -> None:
    told.play("home shift+space")
    assert (told.state.time.replaying, told.state.time.at) == (True, TokenRef(1, 0))
    told.play("sleep:0.3")
    assert told.state.time.at is not None
    assert 0 < told.state.time.at.token < 10
    told.play("space")
    at = told.state.time.at
    told.play("sleep:0.2")
    assert (told.state.time.replaying, told.state.time.paused, told.state.time.at) == (False, True, at)
    told.play("end shift+space")
    assert told.state.time.at == TokenRef(1, 0), "at the newest, its turn begins anew"


def mouse(kind: int, at: tuple[int, int]) -> None:
    pygame.event.post(pygame.event.Event(kind, pos=at, rel=(1, 0), buttons=(1, 0, 0), button=1))


def test_the_scrubber_is_dragged_over_all_turns_even_where_the_pointer_leaves_it(told: Desk) -> None:
    told.play("say:again wait:turn_end")
    box = window_parts.of(told.state.window.size).scrubber
    line = timeline.track(box)
    mouse(pygame.MOUSEBUTTONDOWN, (line.x + 2, line.y + 2))
    told.window.frame()
    assert told.state.time.at == TokenRef(1, 0)
    mouse(pygame.MOUSEMOTION, (line.right - 1, line.y - 200))
    told.window.frame()
    newest = told.session.store.newest("mlp_act")
    assert told.state.time.at == newest
    mouse(pygame.MOUSEMOTION, (line.x + line.width // 4, 3))
    mouse(pygame.MOUSEBUTTONUP, (line.x + line.width // 4, 3))
    told.window.frame()
    assert told.state.time.at is not None
    assert told.state.time.at.turn == 1
    assert told.state.time.paused


def test_every_cell_of_the_strip_leads_to_its_token(told: Desk) -> None:
    parts = window_parts.of(told.state.window.size)
    cells = strip.cells(told.window.canvas, parts.strip, told.state, told.session.store)
    for cell in cells:
        middle = (cell.box.x + cell.box.width // 2, cell.box.y + cell.box.height // 2)
        assert told.window.moment_at(*middle) == TokenRef(1, cell.token)
    told.play(f"click:token={cells[3].token}")
    assert told.state.time.at == TokenRef(1, cells[3].token)


@pytest.mark.parametrize("where", ["home", "left left left", "end"])
def test_the_strip_is_scrolled_to_the_shown_token(
    server: SyntheticServer, table: Bindings, where: str
) -> None:
    server.story = server.story * 12
    desk = Desk(server, Options(), table)
    desk.play(STORY_TOLD + where)
    parts, at = window_parts.of(desk.state.window.size), desk.state.time.at
    cells = strip.cells(desk.window.canvas, parts.strip, desk.state, desk.session.store)
    assert at is not None
    assert at.token in {cell.token for cell in cells}
    assert all(parts.strip.y <= cell.box.y and cell.box.bottom <= parts.strip.bottom for cell in cells)
    desk.close()


def test_what_was_laid_out_stays_where_it_was_as_tokens_come(told: Desk) -> None:
    store, parts = told.session.store, window_parts.of(told.state.window.size)
    told.play("home")
    before = strip.cells(told.window.canvas, parts.strip, told.state, store)
    store.add_token(Token(turn=1, token=500, phase="generate", id=1, text=" more"))
    assert strip.cells(told.window.canvas, parts.strip, told.state, store)[: len(before)] == before
    store.add_token(Token(turn=1, token=0, phase="prompt", id=1, text="longer than it was before"))
    assert strip.cells(told.window.canvas, parts.strip, told.state, store)[0].box.width > before[0].box.width


def test_a_long_history_is_drawn_by_its_lowest_and_highest_values() -> None:
    values = np.sin(np.arange(10_000) / 7).tolist()
    values[4321] = 9.0
    shown = thinned(values, 250)
    assert len(shown) <= 500
    assert shown == sorted(set(shown))
    assert 4321 in shown
    assert thinned(values[:500], 250) == list(range(500))


@pytest.mark.parametrize("size", ["900x600", "1280x800"])
def test_the_greys_of_the_line_have_their_key_beside_it(told: Desk, size: str) -> None:
    told.play(f"size:{size}")
    told.window.draw()
    canvas, turn = told.window.canvas, told.session.store.turns[1]
    place = timeline.track(window_parts.of(told.state.window.size).scrubber)
    written = turn.generated()
    greys = {at: canvas.colour_at((place.x + round(at * place.width), place.y + 5)) for at in (0.05, 0.6)}
    for said, ink in ((f"{turn.length - written} read", greys[0.05]), (f"{written} written", greys[0.6])):
        text = next(text for text in canvas.written if text.text == said)
        middle = text.taken.y + text.taken.height // 2
        assert canvas.colour_at((text.taken.x - 8, middle)) == ink
    assert any(text.text == "tint: surprise to 6 nats" for text in canvas.written)


def test_the_pointed_layers_strength_is_told_in_numbers(told: Desk) -> None:
    assert told.state.time.at is not None
    box = window_parts.of(told.state.window.size).layers
    for layer in (0, 5):
        row = window_parts.layer_row(box, 8, layer)
        told.play(f"point:{row.x + 40},{row.y + row.height // 2}")
        told.window.draw()
        values = told.server.rows(*told.state.time.at, told.state.pane.site)[layer]
        said = f"rms {np.sqrt(np.mean(values**2)):.3g}"
        assert said in [text.text for text in told.window.canvas.written]
