"""Where a person may go by typing it: what a text names, in words, or what is wrong with it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from llmri_look.words import shown_text
from llmri_viewer.model.history.store import ScanStore, TokenRef, Turn
from llmri_viewer.model.state import ViewState

EXAMPLES = (
    ("127", "unit 127 of this layer"),
    ("4:127", "layer 4, unit 127"),
    ("l4", "layer 4"),
    ("c3", "cluster 3"),
    ("t12", "token 12 of this turn"),
    ("3.12", "turn 3, token 12"),
    ('"fox"', "the next token with this text"),
)
WORDS = ("unit", "layer", "cluster", "turn", "token")


@dataclass(frozen=True)
class UnitPlace:
    """A unit of a layer."""

    layer: int
    unit: int


@dataclass(frozen=True)
class LayerPlace:
    """A layer."""

    layer: int


@dataclass(frozen=True)
class ClusterPlace:
    """A cluster."""

    number: int


@dataclass(frozen=True)
class MomentPlace:
    """A token."""

    moment: TokenRef


Destination = UnitPlace | LayerPlace | ClusterPlace | MomentPlace


@dataclass(frozen=True)
class Reading:
    """What a text means: a place, or none yet; in a sentence. `wrong` where more typing would not help."""

    sentence: str
    destination: Destination | None = None
    wrong: bool = False


def read(text: str, state: ViewState, store: ScanStore) -> Reading:
    """Say where a text leads; nothing moves."""
    text = text.strip()
    if state.connection.card is None:
        return Reading("no model is connected yet", wrong=True)
    for pattern, reader in READERS:
        found = pattern.fullmatch(text)
        if found is not None:
            return reader(
                [None if part is None or not part else part for part in found.groups()], state, store
            )
    if any(word.startswith(text.lower()) for word in WORDS):
        return Reading("a unit, layer, cluster, turn or token, and its number")
    if any(map(str.isalpha, text)) and _found(text, state, store) is not None:
        return _text([text], state, store)
    return Reading(f'“{text}” is no place; write 127, 4:127, l4, c3, t12, 3.12 or "text"', wrong=True)


Captured = list[str | None]


def _unit(parts: Captured, state: ViewState, store: ScanStore) -> Reading:
    return _layer_unit([str(state.pane.layer), *parts], state, store)


def _layer_unit(parts: Captured, state: ViewState, _store: ScanStore) -> Reading:
    layer, unit = parts
    number = int(layer or 0)
    last = state.connection.card.layers - 1 if state.connection.card else 0
    if number > last:
        return _beyond_layers(number, last)
    if unit is None:
        return Reading(f"a unit of layer {number}, 0 to {state.width - 1}")
    if int(unit) >= state.width:
        return Reading(f"unit {unit}: a layer at {state.pane.site} has 0 to {state.width - 1}", wrong=True)
    return Reading(f"select unit {int(unit)} of layer {number}", UnitPlace(number, int(unit)))


def _layer(parts: Captured, state: ViewState, _store: ScanStore) -> Reading:
    last = state.connection.card.layers - 1 if state.connection.card else 0
    if parts[0] is None:
        return Reading(f"a layer, 0 to {last}")
    number = int(parts[0])
    return (
        _beyond_layers(number, last)
        if number > last
        else Reading(f"go to layer {number}", LayerPlace(number))
    )


def _beyond_layers(number: int, last: int) -> Reading:
    return Reading(f"layer {number}: this model has 0 to {last}", wrong=True)


def _cluster(parts: Captured, state: ViewState, _store: ScanStore) -> Reading:
    if state.atlas is None:
        return Reading("there are no clusters yet", wrong=True)
    numbers = sorted(cluster.number for cluster in state.atlas.clustering.clusters)
    span = f"{numbers[0]} to {numbers[-1]}" if numbers else "none"
    if parts[0] is None:
        return Reading(f"a cluster, {span}")
    number = int(parts[0])
    if number not in numbers:
        return Reading(f"cluster {number}: there are {span}", wrong=True)
    units = state.atlas.clustering.cluster(number).units
    return Reading(f"select cluster {number}, {units} units", ClusterPlace(number))


def _token(parts: Captured, state: ViewState, store: ScanStore) -> Reading:
    if state.time.at is None:
        return Reading("nothing was said yet", wrong=True)
    return _turn_token([str(state.time.at.turn), *parts], state, store)


def _turn(parts: Captured, state: ViewState, store: ScanStore) -> Reading:
    if parts[0] is None and store.order:
        return Reading(f"a turn, {store.order[0]} to {store.order[-1]}")
    reading = _turn_token([*parts, None], state, store)
    tokens = store.moments(int(parts[0] or 0), state.pane.site)
    if reading.wrong or not tokens:
        return reading
    return _to(TokenRef(int(parts[0] or 0), tokens[0]), state, store)


def _turn_token(parts: Captured, state: ViewState, store: ScanStore) -> Reading:
    number, token = int(parts[0] or 0), parts[1]
    turn = store.turns.get(number)
    if turn is None:
        kept = (
            f"turns {store.order[0]} to {store.order[-1]} are kept" if store.order else "nothing was said yet"
        )
        return Reading(f"turn {number}: {kept}", wrong=True)
    if token is None:
        return Reading(f"a token of turn {number}, 0 to {turn.length - 1}")
    if int(token) >= turn.length:
        return Reading(f"token {token}: turn {number} has 0 to {turn.length - 1}", wrong=True)
    return _to(TokenRef(number, int(token)), state, store)


def _text(parts: Captured, state: ViewState, store: ScanStore) -> Reading:
    wanted = parts[0]
    if wanted is None:
        return Reading("the next token with this text")
    moment = _found(wanted, state, store)
    if moment is None:
        return Reading(f"no token of the kept turns has “{wanted}”", wrong=True)
    return _to(moment, state, store)


def _to(moment: TokenRef, state: ViewState, store: ScanStore) -> Reading:
    """Lead to a token, or to the nearest of its turn that has a scan."""
    nearest = store.nearest(moment, state.pane.site)
    if nearest is None or nearest.turn != moment.turn:
        return Reading(f"turn {moment.turn} has no scan of {state.pane.site} any more", wrong=True)
    token = store.turns[moment.turn].tokens.get(moment.token)
    text = f" “{shown_text(token.text, str.isprintable)}”" if token else ""
    said = f"go to turn {moment.turn}, token {moment.token}{text}"
    if nearest != moment:
        said += f"; it has no scan, {nearest.token} is the nearest"
    return Reading(said, MomentPlace(nearest))


def _found(wanted: str, state: ViewState, store: ScanStore) -> TokenRef | None:
    """Return the next token after the shown one at which a text begins; after the newest comes the oldest."""
    here = state.time.at or TokenRef(0, -1)
    turns = [number for number in store.order if number >= here.turn]
    turns += [number for number in store.order if number <= here.turn]
    for at, number in enumerate(turns):
        after = here.token if at == 0 and number == here.turn else -1
        token = _next_in(store.turns[number], wanted.casefold(), after)
        if token is not None:
            return TokenRef(number, token)
    return None


def _next_in(turn: Turn, wanted: str, after: int) -> int | None:
    text, tokens = _written(turn, len(turn.order), turn.upset)
    first = next((at for at, token in enumerate(tokens) if token > after), len(tokens))
    found = text.find(wanted, first)
    return tokens[found] if found >= 0 else None


@lru_cache(maxsize=512)
def _written(turn: Turn, _count: int, _upset: int) -> tuple[str, list[int]]:
    """Return a turn's text with case folded, and the token that each of its characters belongs to."""
    texts = [(number, turn.tokens[number].text.casefold()) for number in turn.order]
    return "".join(text for _, text in texts), [number for number, text in texts for _ in text]


Reader = Callable[[Captured, ViewState, ScanStore], Reading]
L, U, C, T, TURN = r"l(?:ayer)?\s*", r"u(?:nit)?\s*", r"c(?:luster)?\s*", r"t(?:oken)?\s*", r"turn\s*"
N = r"(\d{1,9})"
READERS: tuple[tuple[re.Pattern[str], Reader], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), reader)
    for pattern, reader in (
        (rf"(?:{U})?{N}", _unit),
        (rf"(?:{L})?{N}\s*[:,]\s*(?:{U})?{N}?", _layer_unit),
        (rf"{L}{N}\s*{U}{N}?", _layer_unit),
        (rf"{L}{N}?", _layer),
        (rf"{C}{N}?", _cluster),
        (rf"{T}{N}?", _token),
        (rf"{TURN}{N}?", _turn),
        (rf"(?:{TURN})?{N}\s*\.\s*(?:{T})?{N}?", _turn_token),
        (rf"{TURN}{N}\s*,?\s*{T}{N}?", _turn_token),
        (r"[\"'“](.*?)[\"'”]?", _text),
    )
)
