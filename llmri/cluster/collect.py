"""The collection: a server's messages into a collector, until there is enough or somebody ends it."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from llmri.client import Client
from llmri.cluster.collection import BY_USER, Collected, Collector, collected
from llmri.cluster.errors import ClusterError
from llmri.cluster.prompts import Prompt
from llmri.cluster.units import protected, units_of
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_client.options import Credentials
from llmri_client.reaching import reach
from llmri_clustering.collecting import plural
from llmri_protocol.messages import Bye, Notice, Role, ServerMessage, TurnEnd
from llmri_protocol.protection import FOUND

FEWEST_SAMPLES = 4  # to halve them, a correlation in each half


@dataclass(frozen=True)
class Goal:
    """When there is enough: at so many turns or samples, whichever comes first; None is no bound."""

    turns: int | None = None
    samples: int | None = None

    def reached(self, collector: Collector) -> bool:
        """Say whether there is enough."""
        turns = self.turns is not None and collector.turns >= self.turns
        return turns or (self.samples is not None and collector.count >= self.samples)


@dataclass(frozen=True)
class CollectingPlan:
    """What is collected from where.

    Attributes:
        address: `HOST:PORT`.
        credentials: How to get in.
        site: The site; empty for `mlp_act`, or where that is missing the model's default.
        layers: Which layers; None is all.
        prompts: What to say; without any, others talk.
        goal: When there is enough.
        groups: Turns by what they were about, counted from 1 in the order they are heard.
        keep: How many samples are kept at most.
        first_tokens: Whether first tokens count.
        seed: Of the choice of those that are kept.
    """

    address: str
    credentials: Credentials
    site: str
    layers: tuple[int, ...] | None
    prompts: Sequence[Prompt]
    goal: Goal
    groups: Mapping[str, tuple[int, ...]]
    keep: int
    first_tokens: bool
    seed: int

    @property
    def most_turns(self) -> int | None:
        """How many turns are heard at most; None where others talk until there are samples enough."""
        said = len(self.prompts) or None
        return min((bound for bound in (said, self.goal.turns) if bound is not None), default=None)


def collect(plan: CollectingPlan, console: Console, check_model: Callable[[str], None]) -> Collected:
    """Collect from a running server.

    Args:
        plan: What, and from where.
        console: Shows how far it is.
        check_model: Is told the model's name, and raises `ClusterError` where that is the wrong one.

    Raises:
        UnreachableError: There is no server, or it does not let us in.
        ClusterError: It has not what was asked for, or too little came.
    """
    role: Role = "controller" if plan.prompts else "viewer"
    with reach(Client, plan.address, role, plan.credentials) as client:
        card = client.welcome.card
        check_model(card.name)
        units = units_of(card, plan.site, plan.layers)
        collector = Collector(
            units,
            left_out=protected(card, units),
            keep=plan.keep,
            first_tokens=plan.first_tokens,
            announced_only=bool(plan.prompts),
            seed=plan.seed,
        )
        _subscribe(client, collector)
        console.print(Text(_greeting(plan, card.name, collector)))
        ended = _listen_with_bar(client, collector, plan, console)
        if not ended and client.searching:
            ended = _wait_until_searched(client, collector, console)
    if collector.count < FEWEST_SAMPLES:
        why = f": {ended}" if ended else ""
        raise ClusterError(
            f"{plural(collector.count, 'sample')} came, at least {FEWEST_SAMPLES} are needed{why}"
        )
    return collected(collector, card.name, plan.groups, ended)


def _subscribe(client: Client, collector: Collector) -> None:
    units = collector.units
    try:
        client.subscribe(units.site, layers=sorted(set(units.layer.tolist())))
    except (RefusedError, ConnectionEndedError, TimeoutError) as error:
        raise ClusterError(f"the server sends no scans: {error}") from None


def _greeting(plan: CollectingPlan, model: str, collector: Collector) -> str:
    units = collector.units
    where = f"{plural(len(units), 'unit')} at {units.site} of {model}"
    first = "" if plan.first_tokens else " The first token of each sequence is left out."
    if plan.prompts:
        return f"Saying {plural(len(plan.prompts), 'prompt')}, watching {where}.{first} Ctrl-C ends it early."
    return f"Listening to {where} while others talk to it at {plan.address}.{first} Ctrl-C ends it early."


def _listen_with_bar(client: Client, collector: Collector, plan: CollectingPlan, console: Console) -> str:
    """Collect with a bar; give why it ended early, empty where it did not."""
    by_samples = plan.goal.samples is not None and plan.goal.turns is None and not plan.prompts
    total = plan.goal.samples if by_samples else plan.goal.turns or len(plan.prompts)
    columns = TextColumn("collecting"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(_state(collector), total=total)

        def shown() -> None:
            done = collector.count if by_samples else collector.turns
            progress.update(bar, completed=done, description=_state(collector))

        return listen(client, collector, plan.goal, plan.prompts, shown)


def _wait_until_searched(client: Client, collector: Collector, console: Console) -> str:
    """Wait for the units to leave out that the server still looks for; give why it ended early, if it did."""
    console.print(Text("Waiting until the server has looked for protected units. Ctrl-C goes on without."))
    try:
        with hangs_up_on_interrupt(client) as interrupted:
            client.wait_until_searched()
            collector.leave_out(protected(client.welcome.card, collector.units))
            return ""
    except (ConnectionEndedError, TimeoutError) as error:
        why = BY_USER if interrupted.came else str(error)
    return why


def _state(collector: Collector) -> str:
    return f"{plural(collector.turns, 'turn')}, {plural(collector.count, 'sample')}"


def listen(
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
