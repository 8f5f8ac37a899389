import threading
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
import pytest

from llmri_protocol.messages import (
    Card,
    Edit,
    Edits,
    Intervene,
    Limits,
    Notice,
    ProtectedUnit,
    SiteCard,
    Welcome,
)
from llmri_protocol.plain import PlainIntervention
from llmri_server.broadcast.hub import Hub
from llmri_server.broadcast.outbox import Outbox
from llmri_server.protection import ProtectedError
from llmri_server.runtime import EditError
from llmri_server.service.edit_service import EditService
from tests.server.fakes import CARD, PATIENCE, WIDTH, FakeRuntime

LIMITS = Limits(client_frame=1, server_frame=1, queue=1, prompt_positions=1)
GUARDED = ProtectedUnit(site="resid_post", layer=2, unit=3, test="massive", evidence="812")
HEADS = SiteCard(name="z", width=WIDTH, editable=True, unit="attention head component", heads=2)


class ListeningHub:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Edits] = []
        self.cards: list[Card] = []
        self.welcomes: list[Welcome] = []

        self.notices: list[Notice] = []
        self.greetings: list[Notice] = []

    def tell(self, message: Edits | Notice | Card) -> None:
        if isinstance(message, Notice):
            self.notices.append(message)
        elif isinstance(message, Card):
            self.cards.append(message)
        else:
            self.told.append(message)

    def join(self, _outbox: Outbox, welcome: Welcome, *notices: Notice, instead_of: object = None) -> None:
        self.welcomes.append(welcome)
        self.greetings += notices


class Desk:
    """A desk with its runtime and its hub."""

    def __init__(self, *, allow_protected: bool = False) -> None:
        self.runtime = FakeRuntime()
        self.runtime.card = msgspec.structs.replace(CARD, sites=(*CARD.sites, HEADS), protected=(GUARDED,))
        self.hub = ListeningHub()
        self.desk = EditService(
            self.runtime, cast("Hub", self.hub), LIMITS, "here", allow_protected=allow_protected
        )

    def intervene(self, *edits: Edit, by: str = "ann", **fields: object) -> str:
        command = msgspec.structs.replace(Intervene(id=1, edits=edits), **fields)
        return self.desk.intervene(command, by)

    @property
    def standing(self) -> tuple[Edit, ...]:
        assert self.runtime.edits == self.desk.journal.state.edits
        return self.runtime.edits


def edit(*units: int, value: float = 0.0, site: str = "mlp_act", layer: int = 0) -> Edit:
    return Edit(site=site, layer=layer, units=units, value=value)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_edits_are_added_named_and_told(desk: Desk) -> None:
    desk.intervene(edit(1))
    desk.intervene(edit(2), by="bob", name="two")
    assert desk.standing == (edit(1), edit(2))
    told = desk.hub.told[-1]
    assert (told.edits, told.name, told.by, told.revision) == (desk.standing, "two", "bob", 2)
    desk.desk.undo("ann")
    assert desk.hub.told[-1].name == ""


def test_a_set_replaces_everything_as_one_change(desk: Desk) -> None:
    desk.intervene(edit(1))
    desk.intervene(edit(2), by="bob")
    desk.intervene(edit(3), edit(4), by="cy", replace=True, name="set")
    assert desk.standing == (edit(3), edit(4))
    assert desk.hub.told[-1].name == "set"
    desk.intervene(replace=True)
    assert not desk.standing
    desk.desk.undo("ann")
    desk.desk.undo("ann")
    assert desk.standing == (edit(1), edit(2))


def test_no_edit_is_refused_in_a_sentence(desk: Desk) -> None:
    with pytest.raises(EditError, match="give at least one"):
        desk.intervene()
    assert not desk.hub.told


def test_all_or_none(desk: Desk) -> None:
    with pytest.raises(EditError, match="edit 2 of 2"):
        desk.intervene(edit(1), edit(WIDTH), replace=True)
    with pytest.raises(ProtectedError):
        desk.intervene(edit(1), edit(3, site="resid_post", layer=2))
    assert not desk.standing
    assert not desk.hub.told


def test_heads_are_kept_as_their_units(desk: Desk) -> None:
    desk.intervene(Edit(site="z", layer=1, heads=(1,)))
    assert desk.standing == (edit(4, 5, 6, 7, site="z", layer=1),)


def test_from_now_on_begins_after_what_was_computed(desk: Desk) -> None:
    desk.runtime.kept = (5, 6, 7)
    desk.intervene(edit(1), since_now=True)
    desk.intervene(edit(2))
    assert [each.since for each in desk.standing] == [3, None]


def test_keys_and_values_of_other_edits_are_told_to_all_and_to_who_joins(desk: Desk) -> None:
    desk.runtime.kept = (5, 6, 7)
    desk.intervene(edit(1), name="mine")
    assert desk.hub.told[-1].stale_cache
    desk.desk.join(cast("Outbox", None))
    [welcome] = desk.hub.welcomes
    assert (welcome.edits, welcome.edit_set, welcome.stale_cache) == (desk.standing, "mine", True)
    desk.runtime.refill()
    desk.desk.announce()
    first, again = desk.hub.told
    assert again == msgspec.structs.replace(first, stale_cache=False)


def test_a_protected_unit_is_refused_in_both_dialects(desk: Desk) -> None:
    with pytest.raises(ProtectedError, match="unit 3 of `resid_post`, layer 2"):
        desk.intervene(edit(3, site="resid_post", layer=2))
    plain = PlainIntervention(layer=None, interventions={3: 0.0})
    with pytest.raises(ProtectedError, match="unit 3 of `resid_post`, layer 2"):
        desk.desk.replace(plain, "bob")
    desk.desk.replace(PlainIntervention(layer=2, interventions={3: 1.05, 4: 0.0}), "bob")
    assert len(desk.standing) == 2


def test_a_protected_head_component_is_refused_by_its_head() -> None:
    desk = Desk()
    guarded = ProtectedUnit(site="z", layer=0, unit=6, test="loss", evidence="1.2 nats")
    desk.runtime.card = msgspec.structs.replace(desk.runtime.card, protected=(guarded,))
    with pytest.raises(ProtectedError, match="unit 6 of `z`"):
        desk.intervene(Edit(site="z", layer=0, heads=(1,)))


def test_force_counts_only_where_the_server_allows_it(desk: Desk) -> None:
    ablation = edit(3, site="resid_post", layer=2)
    with pytest.raises(ProtectedError, match="--allow-protected"):
        desk.intervene(ablation, force=True)
    allowing = Desk(allow_protected=True)
    with pytest.raises(ProtectedError, match="`force`"):
        allowing.intervene(ablation)
    allowing.intervene(ablation, force=True)
    assert allowing.standing == (ablation,)


def test_everybody_is_told_every_revision_in_the_order_of_the_changes(desk: Desk) -> None:
    def work(name: str) -> None:
        for step in range(30):
            desk.intervene(edit(step % WIDTH, value=step + 2.0), by=name)
            desk.desk.announce()
            desk.desk.undo(name)
            desk.desk.clear(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = list({each.revision: each for each in desk.hub.told}.values())
    changes = desk.desk.journal.changes
    assert [each.revision for each in desk.hub.told] == sorted(each.revision for each in desk.hub.told)
    assert [each.revision for each in told if each.revision] == list(range(1, len(changes) + 1))
    assert [each.by for each in told if each.revision] == [change.by for change in changes]
    assert told[-1].edits == desk.standing


def test_a_runtime_that_takes_edits_may_wait_for_who_reads_them(desk: Desk) -> None:
    """What applies edits may need its own thread, which reads the journal and lets viewers in meanwhile."""
    apply, read = desk.runtime.apply_edits, list[object]()

    def slowly(edits: Sequence[Edit], revision: int = 0) -> None:
        def reader() -> None:
            read.append(desk.desk.journal.state.revision)
            read.append(len(desk.desk.journal.changes))
            desk.desk.join(cast("Outbox", None))
            desk.desk.announce()

        thread = threading.Thread(target=reader, daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a reader waits for a change that waits for it"
        apply(edits, revision)

    desk.runtime.apply_edits = slowly  # type: ignore[method-assign]
    desk.intervene(edit(0, value=2.0))
    desk.desk.undo("bob")
    desk.desk.clear("cy")
    assert read == [0, 0, 1, 1]  # as it stood before each change; clear changed nothing
    assert [welcome.edits for welcome in desk.hub.welcomes] == [(), (edit(0, value=2.0),)]
    assert [told.revision for told in desk.hub.told] == [0, 1, 1, 2]


@pytest.mark.parametrize("change", ["intervene", "replace", "clear", "undo", "redo"])
def test_a_change_that_cannot_be_put_in_force_is_none(desk: Desk, change: str) -> None:
    desk.intervene(edit(1, value=2.0))
    desk.intervene(edit(2, value=3.0))
    desk.desk.undo("ann")
    before = desk.desk.journal.state, desk.desk.journal.changes, list(desk.hub.told)
    apply = desk.runtime.apply_edits

    def refuse(edits: Sequence[Edit], revision: int = 0) -> None:
        raise MemoryError

    desk.runtime.apply_edits = refuse  # type: ignore[method-assign]
    changes: dict[str, Callable[[], object]] = {
        "intervene": lambda: desk.intervene(edit(5, value=9.0)),
        "replace": lambda: desk.desk.replace(PlainIntervention(interventions={3: 0.5}, layer=0), "bob"),
        "clear": lambda: desk.desk.clear("bob"),
        "undo": lambda: desk.desk.undo("bob"),
        "redo": lambda: desk.desk.redo("bob"),
    }
    with pytest.raises(MemoryError):
        changes[change]()
    assert (desk.desk.journal.state, desk.desk.journal.changes, desk.hub.told) == before
    desk.runtime.apply_edits = apply  # type: ignore[method-assign]
    desk.desk.redo("ann")
    assert desk.standing == (edit(1, value=2.0), edit(2, value=3.0))


FOUND = ProtectedUnit(site="mlp_act", layer=0, unit=1, test="loss", evidence="1.00 to 9.00 nats")
NEW = "protected from now on: unit 1 of `mlp_act` in layer 0 (loss)"


def test_newcomers_hear_which_revision_stands(desk: Desk) -> None:
    desk.intervene(edit(1))
    desk.intervene(edit(2))
    desk.desk.undo("ann")
    desk.desk.join(cast("Outbox", None))
    assert desk.hub.welcomes[-1].revision == desk.hub.told[-1].revision == 3


def test_while_units_are_looked_for_newcomers_are_told_and_so_is_who_edits(desk: Desk) -> None:
    desk.desk.doubt(lambda: "3 of 9 passes")
    desk.desk.join(cast("Outbox", None))
    assert [notice.message for notice in desk.hub.greetings] == ["3 of 9 passes"]
    assert desk.intervene(edit(1)) == "this edit was not checked yet, 3 of 9 passes"
    assert desk.intervene(edit(2, value=1.01)) == ""  # would pass anyway
    desk.desk.protect((GUARDED,))
    assert desk.intervene(edit(4)) == ""
    desk.desk.join(cast("Outbox", None))
    assert len(desk.hub.greetings) == 1


def test_what_is_found_is_told_and_refused_and_edits_that_stand_stay_marked(desk: Desk) -> None:
    desk.intervene(edit(0, 1, 2))
    desk.desk.protect((GUARDED, FOUND))
    assert desk.runtime.card.protected == (GUARDED, FOUND)
    assert desk.hub.cards == [Card(card=desk.runtime.card)]
    new, marked = desk.hub.notices
    assert new.message == NEW
    assert marked.message.startswith(
        "edits that stand take protected units away: unit 1 of `mlp_act`, layer 0 (1"
    )
    assert desk.standing == (edit(0, 1, 2),)
    for again in (edit(1), edit(0, 1, 2), edit(1, value=3.0)):
        with pytest.raises(ProtectedError, match="unit 1 of `mlp_act`"):
            desk.intervene(again)
    with pytest.raises(ProtectedError):
        desk.desk.replace(PlainIntervention(layer=2, interventions={3: 0.0}), "plain")


def test_a_set_may_keep_what_stands_already_and_nothing_beyond(desk: Desk) -> None:
    desk.intervene(edit(1), edit(7, layer=1))
    desk.desk.protect((GUARDED, FOUND))
    desk.intervene(edit(1), replace=True)
    assert desk.standing == (edit(1),)
    with pytest.raises(ProtectedError):
        desk.intervene(edit(1, value=0.5), replace=True)


def test_undo_and_redo_bring_no_ablation_back_of_what_was_found_since(desk: Desk) -> None:
    desk.intervene(edit(1))
    desk.desk.undo("ann")
    desk.desk.protect((FOUND,))
    with pytest.raises(ProtectedError, match="unit 1 of `mlp_act`"):
        desk.desk.redo("ann")
    assert desk.standing == ()
    desk.intervene(edit(5))
    desk.desk.undo("ann")
    assert desk.standing == ()


def test_undo_of_what_came_after_leaves_what_stood_before_the_finding(desk: Desk) -> None:
    desk.intervene(edit(1, 2))
    desk.desk.protect((FOUND,))
    desk.intervene(edit(2, value=1.5))
    desk.desk.undo("ann")
    assert desk.standing == (edit(1, 2),)


def test_nothing_found_is_told_too(desk: Desk) -> None:
    assert desk.desk.protect((GUARDED,)) == ("no protected units were found",)
    assert [(notice.level, notice.message) for notice in desk.hub.notices] == [
        ("info", "no protected units were found")
    ]
