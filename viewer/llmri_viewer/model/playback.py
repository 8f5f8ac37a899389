"""Time as it is shown: following the newest token, held at one, or running on from an older one by itself."""

from dataclasses import replace
from typing import Literal

from llmri_look.words import count
from llmri_viewer.model.history.store import ScanStore, TokenRef
from llmri_viewer.model.state import ViewState

TimeKind = Literal["live", "held", "replay"]
QUICKEST, SLOWEST = 1 / 12, 1.0  # seconds from token to token: an eye can follow, and nobody waits


def followed(state: ViewState, store: ScanStore) -> ViewState:
    """Show the newest token, and each that comes."""
    at = store.newest(state.site) or state.at
    return replace(state, at=at, paused=False, replaying=False, known=None)


def held(state: ViewState, store: ScanStore, at: TokenRef | None = None) -> ViewState:
    """Hold a token, by default the shown one; what comes later than the newest of now is news."""
    at = at or state.at
    known = max(filter(None, (state.known if state.paused else store.newest(state.site), at)), default=None)
    return replace(state, at=at, paused=True, replaying=False, known=known)


def replayed(state: ViewState, store: ScanStore) -> ViewState:
    """Let time run on from the shown token; at the newest, from the beginning of its turn."""
    at = state.at
    if at is not None and at == store.newest(state.site):
        at = TokenRef(at.turn, store.moments(at.turn, state.site)[0])
    return replace(held(state, store, at), replaying=True)


def news(state: ViewState, store: ScanStore) -> int:
    """Count the scanned tokens that came since time was held; 0 while following."""
    return store.behind(state.known, state.site) if state.paused else 0


def time_word(state: ViewState, store: ScanStore) -> tuple[str, TimeKind]:
    """Say in a word or two how time is shown, and which of the three it is."""
    if state.replaying:
        return "replaying", "replay"
    if not state.paused:
        return "following", "live"
    behind = store.behind(state.at, state.site)
    return (f"paused, {behind} behind" if behind else "paused"), "held"


def news_words(state: ViewState, store: ScanStore) -> str:
    """Say how much came while time was held; empty where nothing did."""
    came = news(state, store)
    return count(came, "new token") if came else ""


def pace(store: ScanStore, site: str, here: TokenRef, there: TokenRef) -> float:
    """Return the seconds from a token to the next as they came, at least a twelfth and at most one."""
    one, other = store.sheet(here, site), store.sheet(there, site)
    if one is None or other is None or not (one.time and other.time) or here.turn != there.turn:
        return QUICKEST
    return min(max(other.time - one.time, QUICKEST), SLOWEST)


class Player:
    """Moves a replay on as time goes by; remembers how long the shown token has been there."""

    def __init__(self) -> None:
        self._at: TokenRef | None = None
        self._shown = 0.0

    def advance(self, state: ViewState, store: ScanStore, seconds: float) -> ViewState:
        """Return the state so much later: the same one until it is the next token's turn."""
        if not state.replaying or state.at is None:
            self._at = None
            return state
        self._shown = self._shown + seconds if self._at == state.at else 0.0
        self._at = state.at
        following = store.step(state.at, state.site, 1)
        if following is None:
            return followed(state, store)
        if self._shown < pace(store, state.site, state.at, following):
            return state
        self._shown -= pace(store, state.site, state.at, following)
        self._at = following
        return replace(state, at=following)
