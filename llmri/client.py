"""A blocking client for scripts and notebooks: connect, talk, edit, and read what happens."""

import contextlib
import itertools
import ssl
from collections.abc import Iterable, Mapping, Sequence

from llmri.client_measures import Measures, several
from llmri.client_scans import Scans, conversation
from llmri_client.address import Address
from llmri_client.channel import PATIENCE
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_protocol.addresses import DEFAULT_ADDRESS
from llmri_protocol.messages import (
    Change,
    Chat,
    ClearInterventions,
    Edit,
    EditHistory,
    Intervene,
    Ping,
    Redo,
    RePrefill,
    Role,
    Said,
    SamplingWish,
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


class Client(Measures, Scans):
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

    def say(
        self,
        text: str | None = None,
        *,
        messages: Iterable[Said | Mapping[str, str]] | None = None,
        sampling: SamplingWish | None = None,
        new: bool = False,
        client: str | None = None,
    ) -> int:
        """Say something and give the number of its turn at once; what happens in it comes by iteration.

        Args:
            text: What is said, after what was said before.
            messages: In place of a text: a whole conversation, which becomes the present one.
            sampling: How this reply is chosen, as far as it is not as the server does it.
            new: Forget the conversation so far first.
            client: On whose behalf it is said.

        Raises:
            RefusedError: Neither or both of a text and messages were given, or the queue is full.
        """
        command = Chat(
            id=self._next_id(),
            text=text,
            messages=None if messages is None else conversation(messages),
            sampling=sampling,
            new=new,
            client=client,
        )
        turn = self._ask(command).turn
        if turn is None:
            raise ConnectionEndedError("the server took what was said and gave its turn no number")
        return turn

    def chat(
        self,
        text: str | None = None,
        *,
        messages: Iterable[Said | Mapping[str, str]] | None = None,
        sampling: SamplingWish | None = None,
        new: bool = False,
    ) -> TurnEnd:
        """Say something, as `say` does, and wait for the end of that turn.

        What happens meanwhile is kept for iteration.
        """
        turn = self.say(text, messages=messages, sampling=sampling, new=new)
        said = itertools.chain(tuple(self._kept), self._wait())  # a short turn may end before the reply
        return next(end for end in said if isinstance(end, TurnEnd) and end.turn == turn)

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
                edits=several(edits),
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
        stats: bool = False,
    ) -> None:
        """Ask for scans at these sites, of one layer, of some, or of all; with `stats` they carry statistics.

        f16 that a value is too large for comes as f32, and u8 always carries statistics.
        """
        self._ask(
            Subscribe(
                id=self._next_id(),
                sites=sites,
                layers=None if layers is None else wholes(layers, "layers"),
                dtype=dtype,
                every=every,
                prompt_tokens=prompt_tokens,
                stats=stats,
            )
        )

    def journal(self) -> tuple[Change, ...]:
        """Return who changed the edits, how and when; oldest first, at most the last thousand changes."""
        return self._asked(ShowJournal(id=self._next_id()), EditHistory).changes

    def re_prefill(self) -> None:
        """Compute the conversation's keys and values anew, under the edits that stand."""
        self._ask(RePrefill(id=self._next_id()))
