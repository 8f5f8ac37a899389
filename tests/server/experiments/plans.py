"""Small plans for tests."""

from typing import Any

import msgspec

from llmri_server.experiments.plan import Plan

SMALL: dict[str, Any] = {
    "title": "small",
    "device": "cpu",
    "dtype": "float32",
    "groups": [
        {"name": "numbers", "skills": ["addition"], "questions": 3, "examples": 4},
        {"name": "words", "skills": ["capitals"], "questions": 3, "examples": 4},
    ],
    "units": {"by": "selective", "group": "numbers", "share": 0.1},
    "operations": [{"op": "scale", "doses": [0]}],
    "controls": {"random": 1, "matched": 1},
    "resamples": 50,
}


def plan_of(**changes: Any) -> Plan:
    """Return the small plan with other top-level keys."""
    return msgspec.convert(SMALL | changes, Plan)
