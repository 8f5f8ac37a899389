"""The views: what each shows, where it stands, and what is under the pointer; nothing is drawn here.

A module with views names them in `VIEWS`; nothing else lists them but the key table.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from llmri_look.view_names import ViewName
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.base import View
from llmri_viewer.views.picture import Picture
from llmri_viewer.views.table import Table, with_facts

__all__ = ["HOME", "VIEWS", "View", "of", "picture_of", "table_of", "toggled"]


def _found() -> Iterator[View]:
    """Yield the views of the modules here: each names its own in `VIEWS`."""
    for module in iter_modules(__path__, f"{__name__}."):
        yield from getattr(import_module(module.name), "VIEWS", ())


VIEWS: Mapping[ViewName, View] = MappingProxyType({view.name: view for view in _found()})
HOME = next(view.name for view in VIEWS.values() if view.home)
"""The view that others go back to."""


def of(state: ViewState) -> View:
    """Return the view that is shown."""
    return VIEWS[state.pane.view]


def toggled(state: ViewState, name: ViewName) -> View:
    """Return the view that a key for one leads to: back home from that one."""
    return VIEWS[HOME if state.pane.view == name else name]


def picture_of(state: ViewState, store: ScanStore) -> Picture | None:
    """Return the picture of the shown view, None where there is nothing to show."""
    return of(state).picture(state, store)


def table_of(state: ViewState, store: ScanStore) -> Table | None:
    """Return what the shown view shows in numbers, with where they are from; None where it shows none."""
    found = of(state).table(state, store)
    return with_facts(found, state, store) if found is not None and len(found) else None
