import threading

from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol.messages import Edit
from llmri_server.edits import Journal, JournalState


def standing(journal: Journal) -> list[Edit]:
    return list(journal.state.edits)


def edit(*units: int, value: float = 0.0, layer: int = 0) -> Edit:
    return Edit(site="mlp_act", layer=layer, units=units, value=value)


def test_undo_brings_the_ablation_back_that_a_boost_replaced() -> None:
    journal = Journal()
    journal.add([edit(1)], "ann")
    journal.add([edit(1, value=2.0)], "bob")
    assert standing(journal) == [edit(1, value=2.0)]
    assert journal.undo("cy")
    assert standing(journal) == [edit(1)]
    assert journal.state.by == "cy"


def test_undo_takes_back_the_latest_change_whoever_made_it_and_redo_makes_it_again() -> None:
    journal = Journal()
    journal.add([edit(1)], "ann")
    journal.add([edit(2), edit(3)], "bob")
    assert journal.undo("ann")
    assert standing(journal) == [edit(1)]
    assert (journal.state.undoable, journal.state.redoable) == (1, 1)
    assert journal.redo("ann")
    assert standing(journal) == [edit(1), edit(2), edit(3)]
    assert not journal.redo("ann")


def test_a_new_change_ends_what_could_be_redone() -> None:
    journal = Journal()
    journal.add([edit(1)], "ann")
    journal.undo("ann")
    journal.add([edit(2)], "ann")
    assert journal.state.redoable == 0
    assert not journal.redo("ann")


def test_a_clear_is_a_change_that_can_be_undone() -> None:
    journal = Journal()
    journal.add([edit(1)], "ann")
    assert journal.clear("bob")
    assert standing(journal) == []
    assert journal.undo("bob")
    assert standing(journal) == [edit(1)]


def test_what_changes_nothing_is_no_change() -> None:
    journal = Journal()
    assert not journal.clear("ann")
    assert not journal.undo("ann")
    journal.add([edit(1)], "ann")
    assert not journal.add([edit(1)], "ann")
    assert journal.state.revision == 1


def test_replacing_a_clients_edits_is_one_change_and_leaves_the_others_alone() -> None:
    journal = Journal()
    journal.add([edit(1), edit(2)], "plain")
    journal.add([edit(9)], "ann")
    assert journal.replace_of("plain", [edit(2, value=1.5)])
    assert standing(journal) == [edit(9), edit(2, value=1.5)]
    assert journal.undo("ann")
    assert standing(journal) == [edit(1), edit(2), edit(9)]


def test_taking_ones_own_edit_back_shows_the_other_clients_edit_again() -> None:
    journal = Journal()
    journal.add([edit(1)], "ann")
    journal.add([edit(1, value=2.0)], "plain")
    journal.replace_of("plain", [])
    assert standing(journal) == [edit(1)]


def test_the_history_is_bounded_and_the_revision_grows_with_every_change() -> None:
    journal = Journal(limit=3)
    for unit in range(10):
        journal.add([edit(unit)], "ann")
    assert (journal.state.revision, journal.state.undoable) == (10, 3)
    assert [journal.undo("ann") for _ in range(4)] == [True, True, True, False]
    assert len(journal.state.edits) == 7


def test_a_client_that_drags_a_slider_leaves_one_edit() -> None:
    journal = Journal()
    for step in range(100):
        journal.add([edit(1, 2, value=step / 100)], "ann")
    assert standing(journal) == [edit(1, 2, value=0.99)]
    assert len(journal._standing) == 1


def test_listeners_hear_every_revision_in_order_from_many_threads() -> None:
    heard: list[JournalState] = []
    journal = Journal(on_change=heard.append)

    def work(name: str) -> None:
        for step in range(50):
            journal.add([edit(step, value=float(name[1:]))], name)
            journal.undo(name)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state.revision for state in heard] == list(range(1, len(heard) + 1))
    assert heard[-1] == journal.state


@given(st.lists(st.sampled_from(["add", "replace", "clear"]), max_size=8), st.integers(0, 8))
def test_undoing_and_redoing_as_often_gives_the_same_edits(changes: list[str], times: int) -> None:
    journal = Journal()
    for number, change in enumerate(changes):
        match change:
            case "add":
                journal.add([edit(number % 3, value=number)], "ann")
            case "replace":
                journal.replace_of("bob", [edit(number % 2, value=-number)])
            case "clear":
                journal.clear("ann")
    before = journal.state.edits
    undone = sum(journal.undo("ann") for _ in range(times))
    assert sum(journal.redo("ann") for _ in range(times)) == undone
    assert journal.state.edits == before
