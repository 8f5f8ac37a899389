"""Scans that a client for scripts asks for beside the conversation, as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt

from llmri.client_measures import several
from llmri_client.channel import Channel, Watch, last_of
from llmri_protocol.arrays import array_of
from llmri_protocol.fields import SaidBy
from llmri_protocol.messages import (
    Edit,
    Logits,
    ReplayedSite,
    ReplaySite,
    Said,
    Scan,
    ScannedText,
    ScanText,
    ServerMessage,
    Site,
    Token,
    WishedDtype,
)
from llmri_protocol.plain_values import wholes

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SiteScans:
    """The scans of one site, as one array.

    Attributes:
        site: The site.
        tokens: The numbers of the tokens, ascending.
        layers: The layers.
        revisions: The revision of the edits of each token's pass; None where it is not known.
        values: `[tokens, layers, width]`.
    """

    site: Site
    tokens: tuple[int, ...]
    layers: tuple[int, ...]
    revisions: tuple[int | None, ...]
    values: Floats = field(repr=False)


@dataclass(frozen=True, eq=False)
class TextScans:
    """What reading a text gave; `scans[site]` is the array of a site, `[tokens, layers, width]`.

    Attributes:
        tokens: The tokens, in order.
        sites: The scans of each site.
        logits: What would follow each token, `[tokens, vocabulary]`, where whole logits were asked for.
        answer: How many tokens there were, and what would come next.
    """

    tokens: tuple[Token, ...] = field(repr=False)
    sites: Mapping[Site, SiteScans]
    logits: Floats | None = field(repr=False)
    answer: ScannedText

    def __getitem__(self, site: Site) -> Floats:
        return self.sites[site].values


class Scans(Channel):
    """Scans over one connection, beside the conversation."""

    def scan_text(
        self,
        text: str | None = None,
        *,
        messages: Iterable[Said | Mapping[str, str]] | None = None,
        raw: bool = False,
        sites: Site | Iterable[Site] = (),
        layers: int | Iterable[int] | None = None,
        positions: int | Iterable[int] | None = None,
        dtype: WishedDtype = "native",
        top: int | None = None,
        logits: bool = False,
        edits: Edit | Sequence[Edit] | None = None,
        progress: Watch | None = None,
    ) -> TextScans:
        """Read a text beside the conversation, without a reply, and return its tokens, scans and logits.

        Args:
            text: What is read.
            messages: In place of a text: a whole conversation.
            raw: Read the text as it is; otherwise as what a user says, in the chat template.
            sites: Whose scans to return; one, several or none.
            layers: One layer, several, or all.
            positions: Of which tokens, from 0; None takes all.
            dtype: How scans travel.
            top: Candidates of each token; None as in a conversation.
            logits: Return whole logits too.
            edits: Under these edits alone; None takes those that stand.
            progress: Called with each step's message; what it raises, and Ctrl-C, stops the reading.

        Raises:
            RefusedError: It can't be read, or was stopped.
            ConnectionEndedError: The server left, or broke the protocol.
        """
        command = ScanText(
            id=self._next_id(),
            text=text,
            messages=None if messages is None else conversation(messages),
            raw=raw,
            sites=(sites,) if isinstance(sites, str) else tuple(sites),
            layers=None if layers is None else wholes(layers, "layers"),
            positions=None if positions is None else wholes(positions, "positions"),
            dtype=dtype,
            top=top,
            logits=logits,
            edits=None if edits is None else several(edits),
        )
        answers = self._gather(command, progress)
        pieces = [array_of(piece) for piece in answers if isinstance(piece, Logits)]
        return TextScans(
            tokens=tuple(token for token in answers if isinstance(token, Token)),
            sites={site: _stacked(site, answers) for site in command.sites},
            logits=np.concatenate(pieces) if pieces else None,
            answer=last_of(ScannedText, answers),
        )

    def replay_site(
        self,
        turn: int,
        site: Site,
        *,
        layers: int | Iterable[int] | None = None,
        first: int | None = None,
        last: int | None = None,
        dtype: WishedDtype = "native",
        progress: Watch | None = None,
    ) -> SiteScans:
        """Compute scans of an earlier turn again, each position under the edits that stood then.

        Args:
            turn: The turn.
            site: A site, whether anybody had subscribed to it or not.
            layers: One layer, several, or all.
            first: The first token of the turn; None takes its first.
            last: The last token; None takes the last that was read.
            dtype: How scans travel.
            progress: As for `scan_text`.

        Raises:
            RefusedError: There is no such turn or site, what is needed of it was not kept, or it was stopped.
            ConnectionEndedError: The server left, or broke the protocol.
        """
        command = ReplaySite(
            id=self._next_id(),
            turn=turn,
            site=site,
            layers=None if layers is None else wholes(layers, "layers"),
            first=first,
            last=last,
            dtype=dtype,
        )
        answers = self._gather(command, progress)
        last_of(ReplayedSite, answers)
        return _stacked(site, answers)


def conversation(messages: Iterable[Said | Mapping[str, str]]) -> tuple[Said, ...]:
    """Return messages, which may be maps with `role` and `content`, as a conversation.

    Raises:
        TypeError: One of them is none.
    """
    return tuple(map(_said, messages))


def _said(message: Said | Mapping[str, str]) -> Said:
    if isinstance(message, Said):
        return message
    if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
        raise TypeError(f"{message!r} is no message; a map with `role` and `content` was expected")
    return Said(role=cast("SaidBy", message["role"]), content=message["content"])


def _stacked(site: Site, answers: Iterable[ServerMessage]) -> SiteScans:
    scans = [scan for scan in answers if isinstance(scan, Scan) and scan.site == site]
    return SiteScans(
        site=site,
        tokens=tuple(scan.token for scan in scans),
        layers=scans[0].layers if scans else (),
        revisions=tuple(scan.revision for scan in scans),
        values=np.stack([array_of(scan) for scan in scans]) if scans else np.zeros((0, 0, 0), np.float32),
    )
