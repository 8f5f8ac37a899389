"""The collection: a server's messages into a collector, until there is enough or somebody ends it."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from llmri.client import Client
from llmri.cluster.collector import Collector
from llmri.cluster.prompts import Prompt
from llmri.cluster.wanted import protected
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_protocol.messages import Bye, Notice, ServerMessage, TurnEnd
from llmri_protocol.protection import FOUND

BY_USER = "you ended it"


@dataclass(frozen=True)
class Goal:
    """When there is enough: at so many turns or samples, whichever comes first; None is no bound."""

    turns: int | None = None
    samples: int | None = None

    def reached(self, collector: Collector) -> bool:
        """Say whether there is enough."""
        turns = self.turns is not None and collector.turns >= self.turns
        return turns or (self.samples is not None and collector.count >= self.samples)


def collect(
    client: Client, collector: Collector, goal: Goal, prompts: Sequence[Prompt], shown: Callable[[], None]
) -> str:
    """Take messages until there is enough, saying the prompts, each in a conversation of its own.

    Args:
        client: Subscribed to what the collector wants.
        collector: Takes the messages.
        goal: When there is enough.
        prompts: What to say; without any, others talk.
        shown: Is called after each message.

    Returns:
        Why it ended early, as a clause; empty where the goal was reached.
    """
    waiting = iter(prompts)
    try:
        with hangs_up_on_interrupt(client) as interrupted:
            collector.take(client.welcome)
            ours = _say(client, collector, waiting)
            for message in _messages(client):
                collector.take(message)
                if isinstance(message, Notice) and message.message.startswith(FOUND):
                    collector.leave_out(protected(client.welcome.card, collector.units))
                shown()
                if interrupted.came:
                    break
                if goal.reached(collector):
                    return ""
                if isinstance(message, Bye):
                    return f"the server ended: {message.reason}"
                if ours is not None and isinstance(message, TurnEnd) and message.turn == ours:
                    ours = _say(client, collector, waiting)
                    if ours is None:
                        return ""
    except (ConnectionEndedError, RefusedError, TimeoutError) as error:
        why = str(error)
    else:
        why = "the server ended the connection"
    return BY_USER if interrupted.came else why


@dataclass
class Interrupted:
    """Whether Ctrl-C came: a plain attribute, because a signal's handler must take no lock."""

    came: bool = False


@contextmanager
def hangs_up_on_interrupt(client: Client) -> Iterator[Interrupted]:
    """Close the connection at the first Ctrl-C, so that the next message never comes; a second one ends all.

    What was being taken in is so taken in to its end. What is given says whether there was a first.
    """
    interrupted = Interrupted()

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupted.came = True
        client.close()

    before = signal.signal(signal.SIGINT, hang_up)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _messages(client: Client) -> Iterator[ServerMessage]:
    """Yield messages for as long as there is a connection, however long nobody says anything."""
    while True:
        try:
            yield from client
            return
        except TimeoutError:
            continue


def _say(client: Client, collector: Collector, waiting: Iterator[Prompt]) -> int | None:
    """Say the next prompt and give its turn; None where there is none left."""
    prompt = next(waiting, None)
    if prompt is None:
        return None
    turn = client.say(prompt.text, new=True)
    collector.announce(turn, prompt.group)
    return turn
