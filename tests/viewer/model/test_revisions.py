"""What was computed under which edits: from the order in which news, tokens and scans arrive."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from PIL import Image

from llmri_protocol.arrays import scan_message
from llmri_protocol.messages import (
    Edit,
    Edits,
    Limits,
    ModelCard,
    ReadLens,
    RePrefill,
    Scan,
    ServerMessage,
    SiteCard,
    Token,
    TurnEnd,
    TurnStart,
    Welcome,
)
from llmri_viewer.app.events import received
from llmri_viewer.cluster_job.gatherer import Gatherer
from llmri_viewer.drawing.panels import edits as panel
from llmri_viewer.drawing.panels.edits import STALE
from llmri_viewer.model.history import revisions
from llmri_viewer.model.history.revisions import Revisions
from llmri_viewer.model.history.store import ScanRows, ScanStore, TokenRef
from llmri_viewer.model.history.timeline import changed_in, edit_changes, timeline_of
from llmri_viewer.model.history.under import UNKNOWN
from llmri_viewer.model.measured.measuring import Asked
from llmri_viewer.model.options import Options
from llmri_viewer.model.state import ViewState, first
from llmri_viewer.model.unit_selection import LayerUnits
from llmri_viewer.views.table import edit_facts, units_columns
from llmri_viewer.views.tokens import is_of_now
from tests.viewer.conftest import Desk

NONE: tuple[Edit, ...] = ()
ABLATED = (Edit(site="mlp_act", layer=0, units=(3, 5)),)
BOOSTED = (Edit(site="mlp_act", layer=0, units=(3,), value=2.0),)
CARD = ModelCard(
    name="m", runtime="r", family="llama", layers=2, hidden_size=8, heads=2, vocabulary=9, context=512,
    dtype="f32", device="cpu", chat=True,
    sites=(SiteCard(name="mlp_act", width=8, editable=True, unit="MLP neuron"),),
    default_site="mlp_act", default_layer=0,
)  # fmt: skip
TRAINED = "None: the model runs as it was trained."


class Heard:
    """A store and a state that take messages as a session does."""

    def __init__(self, *messages: ServerMessage, budget: int = 1 << 24) -> None:
        self.store = ScanStore(budget)
        self.state: ViewState = first(Options(), "here", site="mlp_act")
        self.gatherer = Gatherer()
        self.take(*messages)

    def take(self, *messages: ServerMessage) -> None:
        for message in messages:
            state = received(self.state, self.store, message).state
            self.state = replace(state, time=replace(state.time, under=self.store.under(state.time.at)))
            self.gatherer.take(message, self.state, self.store)

    def of(self, turn: int, token: int) -> tuple[Edit, ...] | None:
        """Return the edits of a token; None where they are not known for certain."""
        return self.store.under(TokenRef(turn, token)).edits


def welcome(edits: tuple[Edit, ...] = NONE, session: str = "one", *, stale: bool = False) -> Welcome:
    limits = Limits(client_frame=1 << 20, server_frame=1 << 28, queue=64, prompt_positions=256)
    return Welcome(protocol=2, session=session, card=CARD, edits=edits, limits=limits, stale_cache=stale)


def stand(edits: tuple[Edit, ...], *, stale: bool = False, by: str = "me") -> Edits:
    return Edits(edits=edits, revision=1, undoable=0, redoable=0, by=by, stale_cache=stale)


def start(turn: int, *, new: bool = False) -> TurnStart:
    return TurnStart(turn=turn, prompt="p", new=new, time=0.0)


def read(turn: int, token: int) -> Token:
    return Token(turn=turn, token=token, phase="prompt", id=1, text=f" p{turn}")


def wrote(turn: int, token: int) -> Token:
    return Token(turn=turn, token=token, phase="generate", id=1, text=" w", logprob=-1.0)


def scan(turn: int, token: int, value: float = 1.0) -> Scan:
    rows = np.full((2, 8), value, np.float32)
    return scan_message(
        rows, "f32", turn=turn, token=token, phase="generate", site="mlp_act", layers=(0, 1), time=0.0
    )


def end(turn: int) -> TurnEnd:
    return TurnEnd(turn=turn, reason="end", text="w", tokens=1, seconds=0.1)


def turn(number: int, tokens: int = 3, *, new: bool = False) -> tuple[ServerMessage, ...]:
    """A turn that reads two tokens and writes some; all but the last are scanned."""
    steps: Iterator[tuple[ServerMessage, ...]] = (
        (wrote(number, 2 + step), scan(number, 2 + step)) for step in range(tokens - 1)
    )
    return (
        start(number, new=new), read(number, 0), read(number, 1), scan(number, 0), scan(number, 1),
        *chain.from_iterable(steps), wrote(number, 1 + tokens), end(number),
    )  # fmt: skip


def test_tokens_keep_the_edits_of_their_own_pass_when_others_stand() -> None:
    heard = Heard(welcome(), *turn(1), stand(ABLATED), *turn(2), stand(NONE), *turn(3))
    assert [[heard.of(each, token) for token in range(5)] for each in (1, 2, 3)] == [
        [NONE] * 5,
        [ABLATED] * 5,
        [NONE] * 5,
    ]


def test_only_the_pass_under_way_at_a_change_is_of_either() -> None:
    heard = Heard(welcome(), start(1), read(1, 0), scan(1, 0), wrote(1, 1), scan(1, 1), wrote(1, 2))
    heard.take(stand(ABLATED), scan(1, 2), wrote(1, 3), scan(1, 3), wrote(1, 4), end(1))
    assert [heard.of(1, token) for token in range(4)] == [NONE, NONE, None, ABLATED]
    assert [each.edits for each in heard.store.under(TokenRef(1, 2)).revisions] == [NONE, ABLATED]
    assert changed_in(heard.store, 1).tolist() == [2], "a change is told once"


def test_a_pass_may_be_of_any_of_several_changes_in_its_course_and_of_none_that_changed_nothing() -> None:
    begun = (welcome(), start(1), read(1, 0), scan(1, 0), wrote(1, 1))
    heard = Heard(*begun, stand(ABLATED), stand(BOOSTED), scan(1, 1), wrote(1, 2), scan(1, 2))
    assert [each.edits for each in heard.store.under(TokenRef(1, 1)).revisions] == [NONE, ABLATED, BOOSTED]
    assert heard.of(1, 2) == BOOSTED
    again = Heard(*begun, stand(NONE, stale=True), scan(1, 1))
    assert again.of(1, 1) == NONE, "told again, not changed"


def test_a_change_between_turns_leaves_nothing_in_doubt_and_one_before_the_prompt_is_read_neither() -> None:
    heard = Heard(welcome(), *turn(1), stand(ABLATED), start(2), stand(BOOSTED), read(2, 0), scan(2, 0))
    assert heard.of(2, 0) == BOOSTED


def test_what_came_before_the_first_news_of_edits_is_unknown() -> None:
    store, sheet = ScanStore(1 << 20), ScanRows((0,), np.zeros((1, 8), np.float32))

    def passed(token: int) -> None:
        store.add_scan(TokenRef(1, token), "mlp_act", sheet)
        store.add_token(wrote(1, token + 1))

    store.begin(start(1))
    store.add_token(read(1, 0))
    passed(0)
    store.stand(stand(ABLATED))
    passed(1)
    passed(2)
    found = [store.under(TokenRef(1, token)) for token in range(3)]
    assert [each.edits for each in found] == [None, None, ABLATED]
    assert found[0].newest.number == 0
    assert not found[1].certain, "it was under way as the edits were told"


def test_edits_that_cannot_be_are_told_as_unknown_from_then_on() -> None:
    impossible = (Edit(site="mlp_act", layer=99, units=(1,)),)
    heard = Heard(welcome(), *turn(1), stand(impossible), *turn(2), stand(ABLATED), *turn(3))
    assert [heard.of(number, 2) for number in (1, 2, 3)] == [NONE, None, ABLATED]


def test_who_joins_in_the_middle_of_a_turn_does_not_know_the_pass_under_way() -> None:
    heard = Heard(welcome(ABLATED), start(7), scan(7, 20), wrote(7, 21), scan(7, 21))
    assert heard.of(7, 20) is None
    assert heard.of(7, 21) == ABLATED


def test_a_restarted_server_has_a_table_of_its_own_and_the_same_one_goes_on() -> None:
    heard = Heard(welcome(ABLATED), *turn(1), welcome(NONE), *turn(2))
    assert (heard.of(1, 2), heard.of(2, 2)) == (ABLATED, NONE)
    before = heard.store.revisions
    heard.take(welcome(BOOSTED, "two"), *turn(1))
    assert heard.of(1, 2) == BOOSTED
    assert heard.store.revisions is not before


def test_all_sites_of_a_pass_are_of_the_edits_that_its_first_scan_is_of() -> None:
    heard = Heard(welcome(), start(1), read(1, 0), scan(1, 0), stand(ABLATED))
    heard.store.add_scan(TokenRef(1, 0), "resid_post", heard.store.turns[1].sheets["mlp_act"].get(0))  # type: ignore[arg-type]
    assert heard.of(1, 0) == NONE


def test_scans_that_were_let_go_keep_their_edits() -> None:
    heard = Heard(welcome(), *turn(1, 9), stand(ABLATED), *turn(2, 9), stand(NONE))
    heard.store.budget = heard.store.bytes
    heard.take(*turn(3))
    assert heard.store.scan(TokenRef(1, 3), "mlp_act") is None, "it had to go for newer ones"
    assert (heard.of(1, 3), heard.of(2, 3), heard.of(3, 3)) == (NONE, ABLATED, NONE)


def test_the_same_edits_again_are_no_change() -> None:
    heard = Heard(welcome(), *turn(1), stand(ABLATED), stand(NONE), *turn(2), stand(ABLATED, by="another"))
    heard.take(*turn(3))
    line = timeline_of(heard.store)
    assert edit_changes(line, heard.store).tolist() == [line.starts[2]]
    assert changed_in(heard.store, 2).tolist() == []
    assert changed_in(heard.store, 3).tolist() == [0]
    assert not replace(
        heard.state,
        time=replace(heard.state.time, at=TokenRef(3, 2), under=heard.store.under(TokenRef(3, 2))),
    ).apart


def test_the_table_stays_within_its_bounds_and_says_what_it_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "KEPT", 4)
    heard = Heard(welcome())
    for number in range(1, 12):
        heard.take(stand((Edit(site="mlp_act", layer=0, units=(3,), value=number),)), *turn(number))
    known = [heard.of(number, 2) for number in range(1, 12)]
    assert known[:7] == [None] * 7
    assert None not in known[7:]
    assert heard.store.under(TokenRef(1, 2)).newest.let_go
    monkeypatch.setattr(revisions, "NUMBERS_KEPT", 3000)
    many, table = tuple(range(2000)), Revisions()
    older, newer = (table.told((Edit(site="a", layer=0, units=many, value=n),)) for n in (1, 2))
    newest = table.told((Edit(site="a", layer=0, units=(1,)),))
    assert [each.let_go for each in (older, newer, newest)] == [True, False, False]


def test_sets_of_edits_that_no_kept_pass_is_of_are_forgotten() -> None:
    table = Revisions()
    for number in range(5000):
        table.told((Edit(site="mlp_act", layer=0, units=(number,)),))
    assert len(table) == 1


def test_a_new_conversation_reads_nothing_of_older_edits() -> None:
    heard = Heard(welcome(), *turn(1), stand(ABLATED, stale=True), *turn(2), *turn(3, new=True))
    assert [heard.store.under(TokenRef(number, 2)).stale for number in (1, 2, 3)] == [False, True, False]


def test_exports_tell_the_edits_of_the_token_and_those_of_now_apart() -> None:
    heard = Heard(welcome(), *turn(1), stand(ABLATED), *turn(2), stand(NONE))
    heard.take(start(3), read(3, 0), scan(3, 0), wrote(3, 1), stand(BOOSTED), scan(3, 1))

    def shown(number: int, token: int) -> ViewState:
        return replace(
            heard.state,
            time=replace(
                heard.state.time, at=TokenRef(number, token), under=heard.store.under(TokenRef(number, token))
            ),
        )

    facts = {name: json.loads(str(value).lower()) for name, value in edit_facts(shown(2, 2)).items()}
    assert [edit["units"] for edit in facts["edits"]] == [[3, 5]]
    assert [edit["value"] for edit in facts["edits_now"]] == [2.0]
    columns = units_columns(shown(2, 2), LayerUnits(0, 8), np.zeros(8, np.float32))
    assert columns["edit"].tolist() == ["", "", "", "scale 0", "", "scale 0", "", ""]
    assert columns["edit_now"].tolist() == ["", "", "", "scale 2", "", "", "", ""]
    doubtful = edit_facts(shown(3, 1))
    assert (doubtful["edits"], json.loads(str(doubtful["edits_possible"]))[0]) == ("null", [])
    columns = units_columns(shown(3, 1), LayerUnits(0, 8), np.zeros(8, np.float32))
    assert columns["edit"].tolist() == ["", "", "", "?", "", "", "", ""]


def test_clusters_say_from_how_many_states_of_the_edits_their_samples_come() -> None:
    heard = Heard(welcome(), *turn(1), stand(ABLATED), *turn(2), stand(NONE), *turn(3))
    collection = heard.gatherer.collection("mlp_act", 0)
    assert collection is not None
    assert "The samples come from 2 different states of the edits." in collection.tally.warnings()
    alike = Heard(welcome(), *turn(1), *turn(2)).gatherer.collection("mlp_act", 0)
    assert alike is not None
    assert alike.tally.warnings() == ()


def test_what_was_measured_as_edits_changed_is_of_neither() -> None:
    heard = Heard(welcome(), *turn(1))
    asked = Asked(ReadLens(id=5, turn=1, token=2), heard.state.time.at, NONE)
    heard.state = replace(heard.state, measurements=heard.state.measurements.asked(asked, 5))
    heard.take(stand(ABLATED), stand(NONE))
    (pending,) = heard.state.measurements.pending.values()
    assert is_of_now(asked, heard.state)
    assert not is_of_now(pending.asked, heard.state)


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "no edit here, 1 now"), (2, "1 edit here, 1 now"), (9, "edits unknown here, 1 now")],
)
def test_a_window_without_panels_says_it_in_a_few_words(number: int, said: str) -> None:
    heard = Heard(welcome(), *turn(1), stand(ABLATED), *turn(2), stand(BOOSTED))
    at = TokenRef(number, 2)
    assert (
        panel.brief(replace(heard.state, time=replace(heard.state.time, at=at, under=heard.store.under(at))))
        == said
    )


def words(desk: Desk) -> set[str]:
    desk.window.draw()
    return {text.text for text in desk.window.canvas.written}


def test_going_back_to_an_ablated_turn_shows_its_ablation(told: Desk) -> None:
    told.play('x wait:edits say:"And another." wait:turn_end \\ wait:edits')
    assert {"at this token: 1", "now: none"} <= words(told)
    assert TRAINED not in words(told)
    told.play("home")
    assert TRAINED in words(told), "the first turn was computed without"
    told.play("end x wait:edits home")
    assert {"at this token: none", "now: 1"} <= words(told)


def test_in_every_view_and_size_the_shown_tokens_edits_are_told(told: Desk) -> None:
    told.play('x wait:edits say:"And another." wait:turn_end \\ wait:edits size:900x600')
    for key in ("a", "a f", "f k", "k n"):
        told.play(key)
        assert "1 edit here, none now" in words(told)


def test_older_edits_in_the_cache_are_told_and_a_key_reads_all_anew(told: Desk) -> None:
    told.session.receive(stand(NONE, stale=True))
    assert {STALE, "None now; U reads all anew"} <= words(told)
    assert TRAINED not in words(told)
    told.play("u")
    assert "reading all of it anew …" in words(told)
    told.play("sleep:0.2")
    assert [type(each) for each in told.server.received[-3:]].count(RePrefill) == 1
    told.session.receive(stand(NONE))
    assert "read anew" in told.state.overlays.notice
    assert TRAINED in words(told)
    told.play("u")
    assert "nothing to read anew" in told.state.overlays.notice


def test_a_picture_file_says_what_it_is_of(told: Desk, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    told.play('x wait:edits say:"And another." wait:turn_end \\ wait:edits e')
    told.window.effect_runner.finish()
    (path,) = tmp_path.glob("*.png")
    with Image.open(path) as picture:
        assert [edit["units"] for edit in json.loads(picture.info["edits"])] == [[127]]
        assert json.loads(picture.info["edits_now"]) == []


def test_the_number_that_comes_with_a_pass_wins_over_the_order_of_the_news() -> None:
    table = Revisions()
    first, second = (Edit(site="mlp_act", layer=0, units=(unit,)) for unit in (1, 2))
    one = table.welcomed((first,), number=7)
    table.begin(new=False)
    table.passing(0)
    two = table.told((second,), number=8)
    assert table.flight.revisions == (one, two), "by the order alone it may be of either"
    assert table.passing(1, 7).revisions == (one,)
    assert table.chosen(1, 8).revisions == (two,)
    assert table.passing(2, 8).edits == (second,)
    assert table.passing(2, 6).revisions == (UNKNOWN,), "told of by nobody"
    assert table.passing(2).revisions == (two,), "a server that numbers nothing"


def test_a_new_conversation_keeps_the_number_of_the_edits_that_stand() -> None:
    table = Revisions()
    table.welcomed((Edit(site="mlp_act", layer=0, units=(1,)),), stale=True, number=3)
    table.reading()
    table.begin(new=True)
    assert not table.passing(0, 3).stale
