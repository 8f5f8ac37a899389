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
    at = store.newest(state.pane.site) or state.time.at
    return replace(state, time=replace(state.time, at=at, paused=False, replaying=False, known=None))


def held(state: ViewState, store: ScanStore, at: TokenRef | None = None) -> ViewState:
    """Hold a token, by default the shown one; what comes later than the newest of now is news."""
    at = at or state.time.at
    known = max(
        filter(None, (state.time.known if state.time.paused else store.newest(state.pane.site), at)),
        default=None,
    )
    return replace(state, time=replace(state.time, at=at, paused=True, replaying=False, known=known))


def replayed(state: ViewState, store: ScanStore) -> ViewState:
    """Let time run on from the shown token; at the newest, from the beginning of its turn."""
    at = state.time.at
    if at is not None and at == store.newest(state.pane.site):
        at = TokenRef(at.turn, store.moments(at.turn, state.pane.site)[0])
    state = held(state, store, at)
    return replace(state, time=replace(state.time, replaying=True))


def news(state: ViewState, store: ScanStore) -> int:
    """Count the scanned tokens that came since time was held; 0 while following."""
    return store.behind(state.time.known, state.pane.site) if state.time.paused else 0


def time_word(state: ViewState, store: ScanStore) -> tuple[str, TimeKind]:
    """Say in a word or two how time is shown, and which of the three it is."""
    if state.time.replaying:
        return "replaying", "replay"
    if not state.time.paused:
        return "following", "live"
    behind = store.behind(state.time.at, state.pane.site)
    return (f"paused, {behind} behind" if behind else "paused"), "held"


def news_words(state: ViewState, store: ScanStore) -> str:
    """Say how much came while time was held; empty where nothing did."""
    came = news(state, store)
    return count(came, "new token") if came else ""


def pace(store: ScanStore, site: str, here: TokenRef, there: TokenRef) -> float:
    """Return the seconds from a token to the next as they came, at least a twelfth and at most one."""
    one, other = store.scan(here, site), store.scan(there, site)
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
        if not state.time.replaying or state.time.at is None:
            self._at = None
            return state
        self._shown = self._shown + seconds if self._at == state.time.at else 0.0
        self._at = state.time.at
        following = store.step(state.time.at, state.pane.site, 1)
        if following is None:
            return followed(state, store)
        if self._shown < pace(store, state.pane.site, state.time.at, following):
            return state
        self._shown -= pace(store, state.pane.site, state.time.at, following)
        self._at = following
        return replace(state, time=replace(state.time, at=following))
