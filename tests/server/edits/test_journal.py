import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol.messages import Edit
from llmri_server.edits import Journal, OvertakenError, Proposal

CHANGES = {"add", "replace_all", "replace_of", "clear", "undo", "redo"}


class Committed:
    """A journal, each of whose changes is committed when it is proposed; tells whether there was one."""

    def __init__(self, **limits: int) -> None:
        self.journal = Journal(**limits)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.journal, name)
        return self._committing(found) if name in CHANGES else found

    def _committing(self, propose: Callable[..., Proposal | None]) -> Callable[..., bool]:
        def change(*arguments: object) -> bool:
            proposal = propose(*arguments)
            if proposal is not None:
                self.journal.commit(proposal)
            return proposal is not None

        return change


def standing(journal: Committed) -> list[Edit]:
    return list(journal.state.edits)


def edit(*units: int, value: float = 0.0, layer: int = 0) -> Edit:
    return Edit(site="mlp_act", layer=layer, units=units, value=value)


def test_undo_brings_the_ablation_back_that_a_boost_replaced() -> None:
    journal = Committed()
    journal.add([edit(1)], "ann")
    journal.add([edit(1, value=2.0)], "bob")
    assert standing(journal) == [edit(1, value=2.0)]
    assert journal.undo("cy")
    assert standing(journal) == [edit(1)]
    assert journal.state.by == "cy"


def test_undo_takes_back_the_latest_change_whoever_made_it_and_redo_makes_it_again() -> None:
    journal = Committed()
    journal.add([edit(1)], "ann")
    journal.add([edit(2), edit(3)], "bob")
    assert journal.undo("ann")
    assert standing(journal) == [edit(1)]
    assert (journal.state.undoable, journal.state.redoable) == (1, 1)
    assert journal.redo("ann")
    assert standing(journal) == [edit(1), edit(2), edit(3)]
    assert not journal.redo("ann")


def test_a_new_change_ends_what_could_be_redone() -> None:
    journal = Committed()
    journal.add([edit(1)], "ann")
    journal.undo("ann")
    journal.add([edit(2)], "ann")
    assert journal.state.redoable == 0
    assert not journal.redo("ann")


def test_a_clear_is_a_change_that_can_be_undone() -> None:
    journal = Committed()
    journal.add([edit(1)], "ann")
    assert journal.clear("bob")
    assert standing(journal) == []
    assert journal.undo("bob")
    assert standing(journal) == [edit(1)]


def test_what_changes_nothing_is_no_change() -> None:
    journal = Committed()
    assert not journal.clear("ann")
    assert not journal.undo("ann")
    journal.add([edit(1)], "ann")
    assert not journal.add([edit(1)], "ann")
    assert journal.state.revision == 1


def test_replacing_a_clients_edits_is_one_change_and_leaves_the_others_alone() -> None:
    journal = Committed()
    journal.add([edit(1), edit(2)], "plain")
    journal.add([edit(9)], "ann")
    assert journal.replace_of("plain", [edit(2, value=1.5)])
    assert standing(journal) == [edit(9), edit(2, value=1.5)]
    assert journal.undo("ann")
    assert standing(journal) == [edit(1), edit(2), edit(9)]


def test_taking_ones_own_edit_back_shows_the_other_clients_edit_again() -> None:
    journal = Committed()
    journal.add([edit(1)], "ann")
    journal.add([edit(1, value=2.0)], "plain")
    journal.replace_of("plain", [])
    assert standing(journal) == [edit(1)]


def test_replacing_all_is_one_change_whoever_set_what_was_there() -> None:
    journal = Committed()
    journal.add([edit(1)], "ann")
    journal.add([edit(2)], "bob")
    assert journal.replace_all([edit(3), edit(4)], "cy", "arithmetic off")
    assert standing(journal) == [edit(3), edit(4)]
    assert journal.replace_all([], "cy")
    assert standing(journal) == []
    assert journal.undo("ann")
    assert journal.undo("ann")
    assert standing(journal) == [edit(1), edit(2)]


def test_the_name_stands_until_it_is_changed_and_comes_back_with_undo_and_redo() -> None:
    journal = Committed()
    journal.replace_all([edit(1)], "ann", "first")
    journal.add([edit(2)], "bob")
    assert journal.name == "first"
    assert journal.add([edit(2)], "bob", "second")  # the name alone is a change
    journal.clear("ann")
    names = [journal.name]
    while journal.undo("ann"):
        names.append(journal.name)
    assert names == ["", "second", "first", "first", ""]
    journal.redo("ann")
    assert (journal.name, journal.state.name) == ("first", "first")


def test_who_changed_what_and_when_is_kept() -> None:
    journal = Committed()
    before = time.time()
    journal.add([edit(7, layer=4)], "ann")
    journal.add([edit(1, 2, 3, layer=4), edit(5, value=1.5), edit(6)], "bob", "mine")
    journal.undo("cy")
    journal.redo("cy")
    journal.replace_of("bob", [])
    journal.replace_all([edit(unit) for unit in range(12)], "ann", "arithmetic off")
    journal.replace_all([edit(1)], "ann")
    journal.clear("ann")
    changes = journal.changes
    assert [(change.by, change.what) for change in changes] == [
        ("ann", "scale 0 on unit 7 of `mlp_act`, layer 4"),
        ("bob", "scale 0 on 3 units of `mlp_act`, layer 4, and 2 more edits, called `mine`"),
        ("cy", "undo"),
        ("cy", "redo"),
        ("bob", "took its own edits back"),
        ("ann", "loaded `arithmetic off`, 12 edits"),
        ("ann", "replaced all by 1 edit"),
        ("ann", "clear"),
    ]
    assert [change.revision for change in changes] == list(range(1, 9))
    assert all(before <= change.time <= time.time() for change in changes)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"op": "mean", "units": (3, 4)}, "mean on 2 units of `resid_post`, layer 1"),
        ({"op": "set", "value": -2.5, "units": (3,)}, "set -2.5 on unit 3 of `resid_post`, layer 1"),
        ({"op": "steer", "value": 4.0, "direction": (1.0,)}, "steer 4 on `resid_post`, layer 1"),
    ],
)
def test_every_operation_has_words(fields: dict[str, object], said: str) -> None:
    journal = Committed()
    journal.add([msgspec.convert({"site": "resid_post", "layer": 1, **fields}, Edit)], "ann")
    assert journal.changes[-1].what == said


def test_the_last_thousand_changes_are_kept() -> None:
    journal = Committed()
    for number in range(1001):
        journal.add([edit(0, value=number)], "ann")
    assert [change.revision for change in journal.changes] == list(range(2, 1002))


def test_a_proposal_changes_nothing_and_a_second_one_comes_too_late() -> None:
    journal = Journal()
    first, second = journal.add([edit(1)], "ann"), journal.add([edit(2)], "bob")
    assert first is not None
    assert second is not None
    assert (journal.state.edits, journal.changes, journal.undo("ann")) == ((), (), None)
    assert first.state.edits == (edit(1),)
    journal.commit(first)
    with pytest.raises(OvertakenError, match="a change to revision 1 comes after revision 1"):
        journal.commit(second)
    assert (journal.state, len(journal.changes)) == (first.state, 1)


def test_the_history_is_bounded_and_the_revision_grows_with_every_change() -> None:
    journal = Committed(limit=3)
    for unit in range(10):
        journal.add([edit(unit)], "ann")
    assert (journal.state.revision, journal.state.undoable) == (10, 3)
    assert [journal.undo("ann") for _ in range(4)] == [True, True, True, False]
    assert len(journal.state.edits) == 7


def test_a_client_that_drags_a_slider_leaves_one_edit() -> None:
    journal = Committed()
    for step in range(100):
        journal.add([edit(1, 2, value=step / 100)], "ann")
    assert standing(journal) == [edit(1, 2, value=0.99)]
    assert len(journal._history.now.standing) == 1


@given(st.lists(st.sampled_from(["add", "replace", "load", "clear"]), max_size=8), st.integers(0, 8))
def test_undoing_and_redoing_as_often_gives_the_same_edits(changes: list[str], times: int) -> None:
    journal = Committed()
    for number, change in enumerate(changes):
        match change:
            case "add":
                journal.add([edit(number % 3, value=number)], "ann")
            case "replace":
                journal.replace_of("bob", [edit(number % 2, value=-number)])
            case "load":
                journal.replace_all([edit(number)], "cy", f"set {number}")
            case "clear":
                journal.clear("ann")
    before = journal.state.edits, journal.name
    undone = sum(journal.undo("ann") for _ in range(times))
    assert sum(journal.redo("ann") for _ in range(times)) == undone
    assert (journal.state.edits, journal.name) == before


def test_large_sets_leave_fewer_changes_to_undo_and_that_is_told() -> None:
    journal = Committed(numbers=100)
    for number in range(10):
        journal.add([edit(*range(40), layer=0, value=float(number))], "a")
    assert journal.state.undoable == 2  # of 40 units each, and the empty set before them is long gone
    assert journal.undo("a")
    assert journal.undo("a")
    assert not journal.undo("a")
    assert standing(journal) == [edit(*range(40), layer=0, value=7.0)]


def test_an_edit_that_many_changes_share_counts_once() -> None:
    journal = Committed(numbers=100)
    journal.add([edit(*range(80), layer=0)], "a")
    for number in range(15):
        journal.add([edit(1, layer=1 + number)], "a")
    assert journal.state.undoable == 16
