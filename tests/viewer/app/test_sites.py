"""Another site: its scans begin when it is shown, its place in time is kept, and an empty view says so."""

from tests.viewer.conftest import Desk

VIEWS = "hofnakv"


def written(desk: Desk) -> str:
    desk.window.draw()
    return " ".join(text.text for text in desk.window.canvas.written)


def test_a_site_that_was_not_seen_before_says_what_brings_its_scans(told: Desk) -> None:
    told.play("tab")
    assert told.state.pane.site == "attn_out"
    said = written(told)
    assert "No scans of attn_out yet" in said
    assert "Only the site that is shown is scanned" in said
    assert "when you say something (T); Tab shows another site" in said
    told.play('say:"Go on." wait:turn_end')
    assert "No scans" not in written(told)
    assert told.state.time.at is not None
    assert told.state.time.at.turn == 2


def test_the_shown_token_stays_shown_where_a_site_has_no_scans(told: Desk) -> None:
    told.play("left left")
    held = told.state.time.at
    told.play("tab")
    assert told.state.time.at == held
    assert told.state.attended
    assert "Space goes there" in written(told)
    told.play("tab tab")
    assert (told.state.pane.site, told.state.time.at) == ("mlp_act", held)


def test_every_view_of_a_site_without_scans_can_be_drawn_and_moved_in(told: Desk) -> None:
    told.play("tab left")
    assert told.state.overlays.notice == "no scans of attn_out are kept yet"
    for key in VIEWS:
        told.play(f"{key} + - 0 up down left right d d {key}")


def test_what_was_said_can_be_measured_at_a_site_without_scans(told: Desk) -> None:
    told.play("x wait:edits tab v")
    told.play("wait:measured")
    assert "nothing was said yet" not in told.state.overlays.notice


def test_time_held_before_anything_came_shows_the_first_scan_that_comes(desk: Desk) -> None:
    desk.play('wait:connected space say:"Hello." wait:turn_end')
    assert desk.state.time.at is not None
