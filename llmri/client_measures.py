"""What a client for scripts asks a server to measure, beside the conversation."""

from collections.abc import Sequence

from llmri_client.channel import Channel, Watch
from llmri_protocol.messages import (
    Attribute,
    Attribution,
    AttributionMethod,
    Compare,
    Comparison,
    Edit,
    Influence,
    LogitLens,
    MeasureInfluence,
    ReadLens,
    Site,
)


class Measures(Channel):
    """Measurements over one connection. What `progress` raises, and Ctrl-C, stops a measurement."""

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
            id=self._next_id(), edits=several(edits), site=site, text=text, turn=turn, token=token
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
            edits=None if edits is None else several(edits),
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

    def logit_lens_span(
        self,
        turn: int | None = None,
        first: int = 0,
        last: int | None = None,
        *,
        most: int = 5,
        text: str | None = None,
        progress: Watch | None = None,
    ) -> tuple[LogitLens, ...]:
        """Read the same after each of several tokens, in order.

        Args:
            turn: The turn; None takes the newest.
            first: The first token.
            last: The last token; None takes the newest that was read.
            most: Candidates of each layer.
            text: A text to use instead; the tokens are numbered from its start.
            progress: As for `influence`.

        Raises:
            RefusedError: There is no such turn or token, or the runtime has no lens.
        """
        command = ReadLens(id=self._next_id(), turn=turn, first=first, token=last, most=most, text=text)
        answers = self._gather(command, progress)
        return tuple(answer for answer in answers if isinstance(answer, LogitLens))


def several(edits: Edit | Sequence[Edit]) -> tuple[Edit, ...]:
    """Return one edit, or several, as several.

    Raises:
        TypeError: One of them is none.
    """
    all_of_them = (edits,) if isinstance(edits, Edit) else tuple(edits)
    for each in all_of_them:
        if not isinstance(each, Edit):
            raise TypeError(f"{each!r} is no edit; an `Edit`, or several, were expected")
    return all_of_them
