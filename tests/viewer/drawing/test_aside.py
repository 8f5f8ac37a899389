"""What takes longer than a frame is made beside the loop; what comes out is the same."""

import threading

import pytest

from llmri_viewer.drawing.aside import Aside

PATIENCE = 10.0


class Kitchen:
    """Makes a dish when it is let to, and rings when one is done."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.begun, self.go = threading.Event(), threading.Event()
        self.rang = threading.Semaphore(0)

    def dish(self, name: str) -> str:
        self.begun.set()
        assert self.go.wait(PATIENCE)
        self.made.append(name)
        if name == "burnt":
            raise ValueError("burnt")
        return name.upper()

    def wait(self) -> None:
        assert self.rang.acquire(timeout=PATIENCE)


def test_nothing_is_there_until_it_is_made_and_then_the_window_is_woken() -> None:
    kitchen = Kitchen()
    with Aside(kitchen.rang.release) as aside:
        assert aside.get(kitchen.dish, "soup") is None
        assert aside.get(kitchen.dish, "soup") is None
        assert aside.done == 0
        kitchen.go.set()
        kitchen.wait()
        assert aside.done == 1
        assert aside.get(kitchen.dish, "soup") == "SOUP"
        assert kitchen.made == ["soup"]


def test_without_a_window_to_wake_everything_is_made_at_once() -> None:
    kitchen = Kitchen()
    kitchen.go.set()
    aside = Aside()
    assert aside.get(kitchen.dish, "soup") == "SOUP"
    assert aside.latest(kitchen.dish) is None


def test_what_was_got_last_is_there_while_the_next_is_made() -> None:
    kitchen = Kitchen()
    kitchen.go.set()
    with Aside(kitchen.rang.release) as aside:
        aside.get(kitchen.dish, "soup")
        kitchen.wait()
        aside.get(kitchen.dish, "soup")
        kitchen.go.clear()
        assert aside.get(kitchen.dish, "cake") is None
        assert aside.latest(kitchen.dish) == ("soup", "SOUP")
        kitchen.go.set()


def test_what_waits_is_not_made_once_something_else_is_wanted() -> None:
    kitchen = Kitchen()
    with Aside(kitchen.rang.release) as aside:
        aside.get(kitchen.dish, "soup")
        assert kitchen.begun.wait(PATIENCE)
        for name in ("stale", "cake"):
            aside.get(kitchen.dish, name)
        kitchen.go.set()
        kitchen.wait()
        kitchen.wait()
        assert kitchen.made == ["soup", "cake"]
        assert aside.get(kitchen.dish, "cake") == "CAKE"


def test_a_failure_is_raised_where_the_picture_is_asked_for() -> None:
    kitchen = Kitchen()
    with Aside(kitchen.rang.release) as aside:
        aside.get(kitchen.dish, "burnt")
        kitchen.go.set()
        kitchen.wait()
        with pytest.raises(ValueError, match="burnt"):
            aside.get(kitchen.dish, "burnt")
