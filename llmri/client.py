"""A blocking client for scripts and notebooks: connect, talk, edit, and read what happens."""

import contextlib
import itertools
import ssl
from collections.abc import Iterable, Sequence

from llmri_client.address import Address
from llmri_client.channel import PATIENCE, Channel, Watch
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_protocol.addresses import DEFAULT_ADDRESS
from llmri_protocol.messages import (
    Attribute,
    Attribution,
    AttributionMethod,
    Change,
    Chat,
    ClearInterventions,
    Compare,
    Comparison,
    Edit,
    EditHistory,
    Influence,
    Intervene,
    LogitLens,
    MeasureInfluence,
    Ping,
    ReadLens,
    Redo,
    RePrefill,
    Role,
    ShowJournal,
    Site,
    Subscribe,
    TurnEnd,
    Undo,
    WishedDtype,
)
from llmri_protocol.plain_values import wholes

__all__ = ["Client", "ConnectionEndedError", "RefusedError", "connect"]


def connect(
    address: str = DEFAULT_ADDRESS,
    *,
    role: Role = "controller",
    token: str | None = None,
    timeout: float | None = PATIENCE,
    tls: ssl.SSLContext | None = None,
) -> "Client":
    """Connect to a model server.

    Args:
        address: `HOST:PORT` or `unix:PATH`.
        role: A `viewer` looks, a `controller` may also chat and edit.
        token: The server's access token, where it has one.
        timeout: Seconds to wait for any one message before `TimeoutError`; None waits for ever.
        tls: Speak TLS and trust whom this trusts, such as `ssl.create_default_context(cafile="llmri.pem")`.

    Raises:
        AddressError: That is no address.
        OSError: Nobody listens there, or there can be no TLS (`ssl.SSLError`).
        ConnectionEndedError: The server left without a word, as one that wants TLS does.
        RefusedError: The server does not let this client in; of `code` `too_many_clients`, not now.
        TimeoutError: There was no answer in time.
    """
    return Client.open(Address.parse(address, role, token, tls), timeout=timeout)


class Client(Channel):
    """One connection to a model server, to be used from one thread.

    Iterating gives every message in order of arrival, until the server says goodbye. Messages that
    arrive while a method waits for its answer are kept for the iteration, the newest 10,000 of them.

    Attributes:
        welcome: What the server said of itself; `welcome.card` describes the model.
    """

    def __repr__(self) -> str:
        card = self.welcome.card
        shape = f"{card.family}, {card.layers} layers x {card.hidden_size}"
        return f"<llmri client of {card.name}: {shape}, {card.runtime} on {card.device}>"

    def say(self, text: str, *, new: bool = False) -> int:
        """Say something and give the number of its turn at once; what happens in it comes by iteration."""
        turn = self._ask(Chat(id=self._next_id(), text=text, new=new)).turn
        if turn is None:
            raise ConnectionEndedError("the server took what was said and gave its turn no number")
        return turn

    def chat(self, text: str, *, new: bool = False) -> TurnEnd:
        """Say something and wait for the end of that turn; what happens meanwhile is kept for iteration."""
        turn = self.say(text, new=new)
        messages = itertools.chain(tuple(self._kept), self._wait())  # a short turn may end before the reply
        return next(end for end in messages if isinstance(end, TurnEnd) and end.turn == turn)

    def wait_until_searched(self) -> None:
        """Wait until the server has looked for protected units; `welcome.card` names them then.

        Until then an ablation is not checked. A server that looks for none is not waited for.

        Raises:
            ConnectionEndedError: The server left meanwhile.
        """
        self._ask(Ping(id=self._next_id()))  # what it says of the search to newcomers comes before the answer
        while self.searching:
            with contextlib.suppress(TimeoutError):  # a pass may take longer than any message
                next(self._wait())

    def intervene(
        self,
        edits: Edit | Sequence[Edit],
        *,
        name: str | None = None,
        replace: bool = False,
        force: bool = False,
        since_now: bool = False,
    ) -> None:
        """Add edits, all of them or none.

        Args:
            edits: One, or several in order; a unit's later edit replaces its earlier one.
            name: What the set is called from now on; None keeps its name.
            replace: Let these be all the edits that stand, in one change.
            force: Edit protected units too, where the server allows it.
            since_now: Edit only positions that the model has not computed yet.

        Raises:
            RefusedError: An edit does not fit (`bad_edit`), or names a `protected` unit; none was applied.
        """
        self._ask(
            Intervene(
                id=self._next_id(),
                edits=_several(edits),
                force=force,
                replace=replace,
                name=name,
                since_now=since_now,
            )
        )

    def undo(self) -> None:
        """Take back the last change of the edits."""
        self._ask(Undo(id=self._next_id()))

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        self._ask(Redo(id=self._next_id()))

    def clear_interventions(self) -> None:
        """Remove every edit."""
        self._ask(ClearInterventions(id=self._next_id()))

    def subscribe(
        self,
        *sites: Site,
        layers: int | Iterable[int] | None = None,
        dtype: WishedDtype = "native",
        every: int = 1,
        prompt_tokens: bool = True,
    ) -> None:
        """Ask for scans at these sites, of one layer, of some, or of all."""
        self._ask(
            Subscribe(
                id=self._next_id(),
                sites=sites,
                layers=None if layers is None else wholes(layers, "layers"),
                dtype=dtype,
                every=every,
                prompt_tokens=prompt_tokens,
            )
        )

    def journal(self) -> tuple[Change, ...]:
        """Return who changed the edits, how and when; oldest first, at most the last thousand changes."""
        return self._asked(ShowJournal(id=self._next_id()), EditHistory).changes

    def re_prefill(self) -> None:
        """Compute the conversation's keys and values anew, under the edits that stand."""
        self._ask(RePrefill(id=self._next_id()))

    def influence(
        self,
        edits: Edit | Sequence[Edit],
        *,
        site: Site = "resid_post",
        text: str | None = None,
        turn: int | None = None,
        token: int | None = None,
        progress: Watch | None = None,
    ) -> Influence:
        """Measure what edits do to later layers and to the next token, beside the conversation.

        `array_of` gives the result's changes, `[layers, units]`. What `progress` raises, and Ctrl-C, stops
        the measurement.

        Args:
            edits: What is measured.
            site: Where the change is measured.
            text: A text to use instead of the conversation so far.
            turn: Only up to a token of this turn.
            token: The last token; None takes the newest that was read.
            progress: Called with each step's message.

        Raises:
            RefusedError: It can't be measured, or was stopped.
        """
        command = MeasureInfluence(
            id=self._next_id(), edits=_several(edits), site=site, text=text, turn=turn, token=token
        )
        return self._asked(command, Influence, progress)

    def attribute(
        self,
        site: Site,
        layer: int,
        *,
        target: int | None = None,
        method: AttributionMethod = "gradient",
        checked: int = 24,
        text: str | None = None,
        progress: Watch | None = None,
    ) -> Attribution:
        """Attribute the next token's logit to all units of one layer; `array_of` gives it, `[units]`.

        Args:
            site: The site.
            layer: The layer, from 0.
            target: The token of the logit; None takes the likeliest.
            method: Gradient times activation, or integrated gradients.
            checked: How many units are ablated one by one, to check against.
            text: A text to use instead of the conversation so far.
            progress: As for `influence`.

        Raises:
            RefusedError: It can't be attributed, or was stopped.
        """
        command = Attribute(
            id=self._next_id(),
            site=site,
            layer=layer,
            target=target,
            method=method,
            checked=checked,
            text=text,
        )
        return self._asked(command, Attribution, progress)

    def compare(
        self,
        prompt: str | None = None,
        *,
        edits: Edit | Sequence[Edit] | None = None,
        new: bool = False,
        most: int | None = None,
        progress: Watch | None = None,
    ) -> Comparison:
        """Reply to one prompt without and with edits, with the same seed and settings.

        Args:
            prompt: What to reply to; None repeats the last prompt.
            edits: To compare with none; None takes those that stand.
            new: Without the conversation before it.
            most: Longest reply in tokens; None as in chat.
            progress: As for `influence`.

        Raises:
            RefusedError: It can't be compared, or was stopped.
        """
        command = Compare(
            id=self._next_id(),
            prompt=prompt,
            edits=None if edits is None else _several(edits),
            new=new,
            most=most,
        )
        return self._asked(command, Comparison, progress)

    def logit_lens(
        self,
        turn: int | None = None,
        token: int | None = None,
        *,
        most: int = 5,
        text: str | None = None,
        progress: Watch | None = None,
    ) -> LogitLens:
        """Read from each layer which token it would say next, under the edits that stand.

        Args:
            turn: The turn; None takes the newest.
            token: After which of its tokens; None takes the newest that was read.
            most: Candidates of each layer.
            text: A text to use instead, read to its end.
            progress: As for `influence`.

        Raises:
            RefusedError: There is no such turn or token, or the runtime has no lens.
        """
        command = ReadLens(id=self._next_id(), turn=turn, token=token, most=most, text=text)
        return self._asked(command, LogitLens, progress)


def _several(edits: Edit | Sequence[Edit]) -> tuple[Edit, ...]:
    """Return one edit, or several, as several.

    Raises:
        TypeError: One of them is none.
    """
    several = (edits,) if isinstance(edits, Edit) else tuple(edits)
    for each in several:
        if not isinstance(each, Edit):
            raise TypeError(f"{each!r} is no edit; an `Edit`, or several, were expected")
    return several
