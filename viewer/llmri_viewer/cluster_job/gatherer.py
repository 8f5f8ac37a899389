"""Samples for clustering, collected from the scans that arrive: of each site that was shown, its own."""

from itertools import islice

import numpy as np
import numpy.typing as npt

from llmri_clustering.collecting import SAMPLES_KEPT, Collection, Transcript
from llmri_clustering.units import UnitSet
from llmri_protocol.messages import Edits, Notice, Scan, ServerMessage, Token, TurnEnd, TurnStart, Welcome
from llmri_protocol.protection import FOUND
from llmri_viewer.model.clusters.gathered import NEEDED, Gathered, together
from llmri_viewer.model.history.store import ScanRows, ScanStore, TokenRef
from llmri_viewer.model.state import LinkStatus, ViewState

SITE_BYTES = 64 << 20
ALL_BYTES = 256 << 20
TURNS = 4096  # whose text is kept

CollectionKey = tuple[str, tuple[int, ...]]  # a site, and the layers of it that are collected


class Gatherer:
    """Takes what arrives, after the store has; keeps at most 64 MiB of a site and 256 MiB of all."""

    def __init__(self) -> None:
        self._session = ""
        self._edited = False
        self._transcript = Transcript(TURNS)
        self._collections: dict[CollectionKey, Collection] = {}  # the one that grew last stands last

    def take(self, event: ServerMessage | LinkStatus, state: ViewState, store: ScanStore) -> Gathered:
        """Take an event that led to this state; give how much there is of what is shown."""
        match event:
            case Welcome():
                self._welcomed(event, state)
            case TurnStart():
                self._transcript.begin(event.turn)
            case Token():
                self._transcript.add(event.turn, event.token, event.text)
            case Scan():
                self._scanned(event, state, store)
            case TurnEnd():
                for collection in self._collections.values():
                    collection.end(event.turn)
            case Edits():
                self._edited = bool(event.edits)
            case Notice():
                self._noticed(event, state)
            case _:
                pass
        return self.gathered(state)

    def gathered(self, state: ViewState) -> Gathered:
        """Return how much there is of what is shown."""
        if state.connection.card is None or not state.pane.site:
            return Gathered()
        layers = together(state.connection.card, state.pane.site, state.pane.layer)
        found = self._collections.get((state.pane.site, layers))
        samples, turns = (found.count, found.turns) if found else (0, 0)
        return Gathered(state.pane.site, samples, turns, NEEDED, layers)

    def collection(self, site: str, layer: int) -> Collection | None:
        """Return the collection of a site that holds a layer, the one that grew last if there are several."""
        keys = [key for key in self._collections if key[0] == site and layer in key[1]]
        return self._collections[keys[-1]] if keys else None

    def _welcomed(self, welcome: Welcome, state: ViewState) -> None:
        """Begin anew with another session: it may be another model, and counts its turns anew.

        Of the same one, units may have been found protected while nobody listened.
        """
        self._edited = bool(welcome.edits)
        if welcome.session != self._session:
            self._session = welcome.session
            self._transcript = Transcript(TURNS)
            self._collections.clear()
        self._leave_out(state)

    def _noticed(self, notice: Notice, state: ViewState) -> None:
        for collection in self._collections.values():
            collection.tally.dropped = max(collection.tally.dropped, notice.dropped)
        if notice.message.startswith(FOUND):
            self._leave_out(state)

    def _leave_out(self, state: ViewState) -> None:
        """Let protected units take no part, also in collections that began before they were known."""
        for collection in self._collections.values():
            collection.leave_out(_protected(collection.units, state))

    def _scanned(self, scan: Scan, state: ViewState, store: ScanStore) -> None:
        sheet = store.scan(TokenRef(scan.turn, scan.token), scan.site)
        if state.connection.card is None or sheet is None:
            return
        key = (scan.site, together(state.connection.card, scan.site, state.pane.layer))
        collection = self._collections.pop(key, None) or self._begun(key, state, sheet.rows.shape[1])
        self._collections[key] = collection
        under = store.under(TokenRef(scan.turn, scan.token))
        collection.edited = bool(under.edits if under.certain else self._edited)
        collection.edits = None if under.edits is None else hash(under.edits)
        collection.scan(scan.turn, scan.token, _values(sheet, key[1]))
        self._make_room()

    def _begun(self, key: CollectionKey, state: ViewState, width: int) -> Collection:
        site, layers = key
        units = UnitSet.of_layers(site, layers, width)
        return Collection(
            units,
            left_out=_protected(units, state),
            keep=max(NEEDED, min(SAMPLES_KEPT, SITE_BYTES // (4 * max(1, len(units))))),
            transcript=self._transcript,
            read_again=False,
        )

    def _make_room(self) -> None:
        """Forget what grew longest ago where all is too much; what grew last stays."""
        taken = {key: 4 * each.kept * len(each.units) for key, each in self._collections.items()}
        excess = sum(taken.values()) - ALL_BYTES
        for key in islice(taken, len(taken) - 1):
            if excess <= 0:
                return
            excess -= taken[key]
            del self._collections[key]


def _protected(units: UnitSet, state: ViewState) -> npt.NDArray[np.bool_]:
    """Mark those whose ablation breaks the model, `[units]`: they dominate every correlation."""
    known = state.connection.card.protected if state.connection.card else ()
    return units.among({(unit.layer, unit.unit) for unit in known if unit.site == units.site})


def _values(sheet: ScanRows, layers: tuple[int, ...]) -> np.ndarray[tuple[int], np.dtype[np.float32]] | None:
    """Return the values of some layers, `[units]`; None where the scan lacks one."""
    if sheet.layers == layers:
        return sheet.rows.ravel()
    if not set(layers) <= set(sheet.layers):
        return None
    return sheet.rows[[sheet.layers.index(layer) for layer in layers]].ravel()
