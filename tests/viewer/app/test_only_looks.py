"""A window that only looks (`llmri view --read-only`) says so in plain words, and typing runs no command."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from llmri_client.address import Address
from llmri_look.colours.theme import THEMES
from llmri_look.keys.bindings import Bindings
from llmri_protocol.messages import Error, Ping, Subscribe
from llmri_viewer.app.application import Application
from llmri_viewer.app.events import MAY_ONLY_LOOK
from llmri_viewer.app.window import Window
from llmri_viewer.commands.base import ONLY_LOOKS
from llmri_viewer.model.options import Options
from llmri_viewer.scripts.pilot import Pilot
from tests.viewer.conftest import Desk
from tests.viewer.synthetic import SyntheticServer


@pytest.fixture
def looking(server: SyntheticServer, table: Bindings) -> Iterator[Desk]:
    """A desk that only looks, on a turn that somebody else began, with a unit selected."""
    desk = Desk.__new__(Desk)
    desk.__dict__ |= SimpleNamespace(server=server, table=table).__dict__
    desk.session = Application(Address(port=server.port, role="viewer"), Options())
    desk.window = Window(desk.session, table, THEMES["dark"])
    desk.pilot = Pilot(desk.window, patience=20)
    desk.session.link.start()
    desk.play("wait:connected sleep:0.1")
    server.speak()
    desk.play("wait:turn_end click:unit=127")
    yield desk
    desk.close()


@pytest.mark.parametrize(
    "keys", ["x", "b", "\\", "z", "y", "n return", "v return", "escape escape x"], ids=str
)
def test_what_changes_the_model_is_refused_in_plain_words_and_not_sent(looking: Desk, keys: str) -> None:
    looking.play(f"{keys} sleep:0.1")
    assert looking.state.overlays.notice == ONLY_LOOKS
    assert "--read-only" in ONLY_LOOKS
    assert not [each for each in looking.server.received[1:] if not isinstance(each, Ping | Subscribe)]


def test_views_of_measurements_ask_for_none(looking: Desk) -> None:
    looking.play("n sleep:0.1 n v sleep:0.1 v k sleep:0.1 k")
    assert looking.state.overlays.notice == ""
    assert not looking.state.measurements.failures
    assert not [each for each in looking.server.received[1:] if not isinstance(each, Ping | Subscribe)]


def test_words_typed_after_t_are_no_commands(looking: Desk) -> None:
    before = looking.state
    looking.play("t")
    assert looking.state.overlays.notice == ONLY_LOOKS
    for letter in "halfdog":
        looking.play(letter)
    assert looking.state.typing.chat == "halfdog"
    assert (looking.state.pane.view, looking.state.look.log, looking.state.look.difference) == (
        before.pane.view, before.look.log, before.look.difference,
    )  # fmt: skip
    looking.play("return")
    assert (looking.state.typing.chat, looking.state.overlays.notice) == ("halfdog", ONLY_LOOKS)
    looking.play("escape")
    assert looking.state.typing.chat is None


def test_the_box_says_what_it_is_and_how_to_leave_it(looking: Desk) -> None:
    looking.play("t")
    assert "this window only looks; Esc leaves" in [text.text for text in looking.window.canvas.written]


def test_a_server_that_takes_nothing_from_us_is_told_in_our_own_words(told: Desk) -> None:
    told.session.receive(Error(code="not_allowed", message="a viewer may not send `intervene`", id=9))
    assert told.state.overlays.notice == MAY_ONLY_LOOK
