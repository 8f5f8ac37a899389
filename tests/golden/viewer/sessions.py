"""Recorded key sessions and the state each ends in.

`python -m tests.golden.viewer.sessions` remakes the states.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmri_viewer.model.state import ViewState
from tests.golden.viewer.desk import RecordedDesk

FILE = Path(__file__).parent / "sessions.json"
SESSIONS: Mapping[str, str] = MappingProxyType(
    {
        "look around": "down down 9 up tab tab + + 0 c c l p g",
        "walk through time": "left left left right shift+left home end left d space",
        "edit and undo": "click:unit=3 add:unit=9 b wait:edits ] ] b wait:edits x wait:edits "
        "z wait:edits y wait:edits",
        "clusters": "o click:cluster=13 double:cluster=13 escape add:cluster=7 x wait:edits h",
        "all views": "h o f n a k v v click:unit=5 n n",
        "typed": "t type:hello backspace escape / type:4:77 escape m w q",
    }
)


def ended(keys: str) -> dict[str, Any]:
    """Replay a session, and give what matters of its last state."""
    desk = RecordedDesk()
    try:
        desk.play(keys)
        return told(desk.state)
    finally:
        desk.close()


def told(state: ViewState) -> dict[str, Any]:
    """Return a state in words and numbers."""
    return {
        "view": state.pane.view,
        "mode": state.mode,
        "site": state.pane.site,
        "layer": state.pane.layer,
        "at": list(state.time.at or ()),
        "paused": state.time.paused,
        "selection": sorted(map(list, state.selection.units))[:8],
        "selected": len(state.selection.units),
        "picked": state.selection.picked,
        "colours": [
            state.look.colour_map,
            state.look.log,
            state.look.clip,
            state.look.grid,
            state.look.difference,
        ],
        "amount": state.editing.amount,
        "limits": state.look.limits,
        "edits": [[e.site, e.layer, len(e.units), e.op, e.value] for e in state.editing.standing.edits],
        "undo": [state.editing.standing.undoable, state.editing.standing.redoable],
        "measured": sorted(state.measurements.answers),
        "protected": state.look.protected_shown,
        "notice": state.overlays.notice,
        "quit": state.window.quit,
    }


def main() -> None:
    """Remake the states."""
    states = {name: ended(keys) for name, keys in SESSIONS.items()}
    FILE.write_text(json.dumps(states, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
