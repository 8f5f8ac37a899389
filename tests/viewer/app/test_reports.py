"""What a server tells beside the conversation: a new card, answers to commands, edits that cannot be read."""

import msgspec
import numpy as np

from llmri_protocol.arrays import scan_message
from llmri_protocol.messages import Card, Edits, ProtectedUnit, Token
from llmri_viewer.model.history.under import UNKNOWN
from tests.viewer.conftest import Desk

FOUND = ProtectedUnit(site="mlp_act", layer=0, unit=1, test="loss", evidence="1 to 9 nats")


def test_a_card_that_is_sent_again_is_the_card(told: Desk) -> None:
    card = msgspec.structs.replace(told.server.card, protected=(FOUND,))
    told.session.receive(Card(card=card))
    assert told.state.connection.card == card
    told.session.receive(Card(card=msgspec.structs.replace(card, layers=0)))
    assert told.state.connection.card == card
    assert "odd: a model of 0 layers" in told.state.overlays.notice


def test_answers_to_commands_are_none_of_the_conversation(told: Desk) -> None:
    store, at = told.session.store, told.state.time.at
    card = told.server.card
    rows = np.zeros((1, card.sites[0].width), np.float32)
    turns = set(store.turns)
    for turn in (0, 77):
        told.session.receive(Token(turn=turn, token=0, phase="prompt", id=1, text="a", command=3))
        told.session.receive(
            scan_message(
                rows,
                "f32",
                turn=turn,
                token=0,
                phase="prompt",
                site=card.sites[0].name,
                layers=(0,),
                time=1.0,
                command=3,
            )
        )
    assert (set(store.turns), told.state.time.at) == (turns, at)


def test_where_edits_stand_that_cannot_be_read_it_is_not_known_what_acts(told: Desk) -> None:
    edits = Edits(edits=(), revision=9, undoable=1, redoable=0, by="later", unread=("`swap` at `z`",))
    told.session.receive(edits)
    assert told.session.store.revisions._now is UNKNOWN
    told.session.receive(msgspec.structs.replace(edits, revision=10, unread=()))
    assert told.session.store.revisions._now is not UNKNOWN
