"""The page `docs/protocol.md`, made from the message classes.

Run `python -m docs.make.protocol > docs/protocol.md`.
"""

import sys

import msgspec
import numpy as np

from docs.make.protocol_template import TEMPLATE
from docs.make.reference import dump, native_dump, overview, parts_of, sections, table
from llmri_protocol.arrays import row_stats, scan_message
from llmri_protocol.catalogue import ClientEntry, Message
from llmri_protocol.errors import CODES, PASSING
from llmri_protocol.frames import CLIENT_LIMIT, LENGTH, SERVER_LIMIT
from llmri_protocol.messages import CLIENT_KINDS, PROTOCOL_VERSION, SERVER_KINDS, Hello, Scan, type_of
from llmri_protocol.plain import (
    HANDSHAKE,
    PLAIN_CLIENT_KINDS,
    PLAIN_SERVER_KINDS,
    InterventionActive,
    PlainIntervention,
    encode_plain,
)
from llmri_protocol.states import NATIVE, ROLES, STATES, Kinds

PARTS = parts_of((*CLIENT_KINDS, *SERVER_KINDS))
PLAIN_PARTS = parts_of((*PLAIN_CLIENT_KINDS, *PLAIN_SERVER_KINDS))

HELLO = Hello(protocol=PROTOCOL_VERSION, client="me", role="viewer")


def page() -> str:
    """Return the whole of `docs/protocol.md`."""
    scan = example_scan()
    intervention = PlainIntervention(layer=22, interventions={127: 0.0, 384: 1.5})
    return TEMPLATE.format(
        version=PROTOCOL_VERSION,
        client_limit=CLIENT_LIMIT,
        server_limit=SERVER_LIMIT,
        handshake=f"{HANDSHAKE:g}",
        passing=", ".join(f"`{code}`" for code in sorted(PASSING)),
        viewer=_names(ROLES["viewer"]),
        results=_results(),
        states=_states(),
        client_overview=overview(CLIENT_KINDS),
        client_sections=sections(CLIENT_KINDS),
        server_overview=overview(SERVER_KINDS),
        server_sections=sections(SERVER_KINDS),
        parts=sections(PARTS),
        hello_dump=native_dump(HELLO),
        scan_dump=native_dump(scan),
        plain_client_overview=overview(PLAIN_CLIENT_KINDS),
        plain_client_sections=sections(PLAIN_CLIENT_KINDS),
        plain_server_overview=overview(PLAIN_SERVER_KINDS),
        plain_server_sections=sections(PLAIN_SERVER_KINDS),
        row_stats=sections(PLAIN_PARTS),
        intervention_dump=_plain_dump(_plain_frame(intervention)),
        active_dump=_plain_dump(_plain_frame(InterventionActive(count=2, layer=22))),
        plain_scan=bytes(encode_plain(scan)[1][LENGTH.size :]).decode(),
        codes=table(("code", "meaning"), ((f"`{code}`", text) for code, text in CODES.items())),
    )


def example_scan() -> Scan:
    """Return the scan of the worked example, `[2, 4]` in bf16."""
    values = np.array([[1.0, -2.0, 0.5, 0.0], [0.0, 4.0, 8.0, -1.0]], np.float32)
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    return scan_message(
        bits,
        "bf16",
        turn=5,
        token=12,
        phase="generate",
        site="resid_post",
        layers=(22, 23),
        time=1.5,
        stats=row_stats(bits, "bf16"),
        revision=3,
    )


def _results() -> str:
    """Return a table of the commands that are answered by more than a `reply`."""
    entries = {kind: kind.entry for kind in CLIENT_KINDS if isinstance(kind.entry, ClientEntry)}
    rows = (
        (f"`{type_of(kind)}`", f"`{entry.answer}`")
        for kind, entry in entries.items()
        if entry.answer not in {"reply", "welcome"}
    )
    return table(("command", "result"), rows)


def _states() -> str:
    rows = (
        (f"`{state}`", meaning, _names(NATIVE[state]["client"]), _names(NATIVE[state]["server"]))
        for state, meaning in STATES.items()
    )
    return table(("state", "meaning", "from the client", "from the server"), rows)


def _names(kinds: Kinds) -> str:
    order = [*CLIENT_KINDS, *SERVER_KINDS]
    return ", ".join(f"`{type_of(kind)}`" for kind in order if kind in kinds) or "nothing"


def _plain_frame(message: Message) -> bytes:
    body = msgspec.json.encode(message)
    return LENGTH.pack(len(body)) + body


def _plain_dump(frame: bytes) -> str:
    length, body = frame[: LENGTH.size], frame[LENGTH.size :]
    lines = [dump(length, f"the body has {len(body)} bytes")]
    for start in range(0, len(body), 16):
        piece = body[start : start + 16]
        lines.append(dump(piece, piece.decode()))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
