"""What a message from the server, or news of the link, makes of the state."""

from dataclasses import replace

import msgspec

from llmri_look import words
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import (
    Card,
    Comparison,
    Edits,
    Error,
    Influence,
    LogitLens,
    ModelCard,
    Notice,
    Progress,
    Scan,
    ServerMessage,
    Token,
    TurnEnd,
    TurnStart,
    Welcome,
)
from llmri_protocol.protection import phase_of, with_found
from llmri_viewer.commands.base import Step
from llmri_viewer.commands.view import subscription
from llmri_viewer.connection.plausible import odd_card, why_not
from llmri_viewer.model.history.store import ScanRows, ScanStore, TokenRef
from llmri_viewer.model.measured.measuring import Measurements
from llmri_viewer.model.state import Link, LinkStatus, ViewState
from llmri_viewer.model.state_groups import Standing
from llmri_viewer.views.base import unzoomed

REREAD = "all that was said was read anew: earlier tokens keep no edits but those that stand"
MAY_ONLY_LOOK = "the server lets this window only look: it takes no chat and no edits from it"


def received(state: ViewState, store: ScanStore, event: ServerMessage | LinkStatus) -> Step:
    """Keep what an event brings in the store, and give the next state."""
    if isinstance(event, Welcome):
        odd = odd_card(event.card)
        return _refused(state, odd) if odd else _welcomed(state, store, event)
    if not isinstance(event, LinkStatus) and (odd := why_not(event, state.connection.card)):
        return _left_out(state, store, event, odd)
    match event:
        case TurnStart() | Token() | TurnEnd():
            _keep(store, event)
        case Scan():
            state = _scanned(state, store, event)
        case LinkStatus():
            state = _linked(state, event)
        case Edits():
            state = _edited(state, store, event)
        case Notice() | Card():
            state = _noticed(state, event)
        case Progress() | Influence() | Comparison() | LogitLens():
            state = replace(state, measurements=state.measurements.received(event))
        case Error():
            event = _plain(event)
            state = replace(
                state,
                measurements=state.measurements.received(event),
                editing=replace(state.editing, rereading=False),
            ).noticing(event.message, warning=True)
    return Step(state)


def _edited(state: ViewState, store: ScanStore, edits: Edits) -> ViewState:
    """Take the edits that stand from now on; a measurement under way is of those before, or of these."""
    if edits.edits != state.editing.standing.edits:
        state = replace(state, measurements=state.measurements.disturbed())
    done = state.editing.rereading and not edits.stale_cache
    state = replace(state, editing=replace(state.editing, standing=_standing(store, edits), rereading=False))
    return state.noticing(REREAD) if done else state


def _standing(store: ScanStore, message: Welcome | Edits) -> Standing:
    """Return what stands; the very edits that the store has, so that they are soon found to be the same."""
    known = store.stand(message).edits
    if message.unread:  # others act besides, which nothing here can show
        store.revisions.lost()
    standing = Standing.of(message)
    return standing if known is None else replace(standing, edits=known)


def _noticed(state: ViewState, notice: Notice | Card) -> ViewState:
    """Show a notice, and follow the search for protected units: what it finds belongs to the model's card."""
    if isinstance(notice, Card):
        return replace(state, connection=replace(state.connection, card=notice.card))
    phase = phase_of(notice)
    return replace(
        state,
        connection=replace(
            state.connection,
            searching=phase == "searching" if phase else state.connection.searching,
            card=with_found(state.connection.card, notice) if state.connection.card else None,
        ),
    ).noticing(notice.message, warning=notice.level == "warning")


def _plain(error: Error) -> Error:
    """Say in our own words what the protocol's would not tell a person."""
    return msgspec.structs.replace(error, message=MAY_ONLY_LOOK) if error.code == "not_allowed" else error


def _refused(state: ViewState, odd: str) -> Step:
    """Keep nothing of a message that cannot be, and say why."""
    return Step(state.noticing(f"the server sent something odd: {odd}", warning=True))


def _left_out(state: ViewState, store: ScanStore, event: ServerMessage, odd: str) -> Step:
    """Keep nothing of it; of edits that cannot be, that others stand from now on."""
    if isinstance(event, Edits):
        store.revisions.lost()
    return _refused(state, odd)


def _keep(store: ScanStore, event: TurnStart | Token | TurnEnd) -> None:
    """Keep what was said."""
    match event:
        case TurnStart():
            store.begin(event)
        case Token() if event.command is None:  # otherwise it answers one, and is none of the conversation
            store.add_token(event, event.revision)
        case TurnEnd():
            store.end(event)


def _linked(state: ViewState, status: LinkStatus) -> ViewState:
    """Take news of the connection; what was being measured is lost with it."""
    state = replace(
        state,
        connection=replace(state.connection, link=status),
        editing=replace(state.editing, rereading=False),
    )
    if status.link is Link.CONNECTED or not state.measurements.pending:
        return state
    return replace(state, measurements=state.measurements.abandoned("the connection ended meanwhile"))


def _welcomed(state: ViewState, store: ScanStore, welcome: Welcome) -> Step:
    """Keep the place where the model is the same; another session's turns are another history."""
    card = welcome.card
    if state.connection.session != welcome.session:
        state = _anew(state, len(store.turns))
        store.clear()
    standing = _standing(store, welcome)
    names = [site.name for site in card.sites]
    site = state.pane.site if state.pane.site in names else _default_site(card)
    wanted = state.pane.layer if state.connection.card else state.pane.wanted_layer
    layer = card.default_layer if wanted is None else wanted
    misfit = state.clusters.loaded.misfit(card) if state.clusters.loaded else ""
    shown = replace(
        state,
        connection=replace(
            state.connection,
            card=card,
            searching=False,
            session=welcome.session,
            link=LinkStatus(Link.CONNECTED, f"connected to {card.name}"),
        ),
        pane=replace(state.pane, site=site, layer=max(0, min(layer, card.layers - 1))),
        editing=replace(state.editing, standing=standing),
        clusters=replace(state.clusters, misfit=misfit),
        measurements=state.measurements.retried("lens"),
    )
    if state.pane.site not in {"", site}:
        odd = f"{card.name} has no site {state.pane.site}; it has {', '.join(names)}"
        shown = shown.noticing(odd, warning=True)
    elif layer != shown.pane.layer:
        odd = f"{card.name} has no layer {layer}; it has 0 to {card.layers - 1}"
        shown = shown.noticing(odd, warning=True)
    odd = _odd_clusters(shown, card)
    if odd:
        shown = shown.noticing(odd, warning=True)
    return Step(shown, (subscription(site),) if site else ())


def _anew(state: ViewState, turns: int) -> ViewState:
    """Forget another session's turns, and say how many they were; ways of looking stay."""
    gone = f"the server began a new session: {words.count(turns, 'turn')} of the last one are gone"
    state = unzoomed(state.noticing(gone, warning=True) if turns else state)
    return replace(
        state,
        time=replace(state.time, at=None, paused=False, replaying=False, known=None),
        selection=replace(state.selection, units=frozenset(), picked=None),
        look=replace(state.look, limits=None),
        measurements=Measurements(),
    )


def _odd_clusters(state: ViewState, card: ModelCard) -> str:
    """Say what differs between the clusters and the model; empty where nothing does."""
    if state.clusters.loaded is None or state.clusters.misfit:
        return f"the clusters stay hidden: {state.clusters.misfit}" if state.clusters.misfit else ""
    made_from = state.clusters.loaded.clustering.provenance.model
    if made_from == card.name:
        return ""
    return f"the clusters were made from {made_from}, this model is {card.name}"


def _default_site(card: ModelCard) -> str:
    names = [site.name for site in card.sites]
    return card.default_site if card.default_site in names else (names or [""])[0]


def _scanned(state: ViewState, store: ScanStore, scan: Scan) -> ViewState:
    if scan.command is not None:  # it answers a command, and is none of the conversation
        return state
    moment = TokenRef(scan.turn, scan.token)
    had = store.scan(state.time.at, state.pane.site) is not None
    rows = ScanRows(scan.layers, array_of(scan), scan.time)
    store.add_scan(moment, scan.site, rows, scan.revision)
    if had and store.scan(state.time.at, state.pane.site) is None and state.time.paused:
        sentence = f"the shown scan was let go for newer ones: all fit {store.budget >> 20} MiB"
        return state.noticing(sentence, warning=True)
    if scan.site != state.pane.site or (state.time.paused and state.time.at is not None):
        return state
    return replace(state, time=replace(state.time, at=moment))
