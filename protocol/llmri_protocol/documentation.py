"""The page `docs/protocol.md`, made from the message classes.

Run `python -m llmri_protocol.documentation > docs/protocol.md`.
"""

import sys
from typing import get_args

import msgspec
import numpy as np

from llmri_protocol import plain
from llmri_protocol.arrays import scan_message
from llmri_protocol.errors import CODES
from llmri_protocol.frames import CLIENT_LIMIT, LENGTH, SERVER_LIMIT
from llmri_protocol.messages import (
    PROTOCOL_VERSION,
    Candidate,
    ClientMessage,
    Edit,
    Hello,
    Limits,
    ModelCard,
    ProtectedUnit,
    Scan,
    ServerMessage,
    SiteCard,
    Stats,
    type_of,
)
from llmri_protocol.plain import PlainClientMessage, PlainServerMessage, RowStats, encode_plain
from llmri_protocol.reference import dump, native_dump, overview, sections, table
from llmri_protocol.states import NATIVE, ROLES, STATES, Kinds

CLIENT_KINDS = get_args(ClientMessage)
SERVER_KINDS = get_args(ServerMessage)
PLAIN_CLIENT_KINDS = get_args(PlainClientMessage)
PLAIN_SERVER_KINDS = get_args(PlainServerMessage)
PARTS = (Edit, ModelCard, SiteCard, ProtectedUnit, Limits, Candidate, Stats)

HELLO = Hello(protocol=PROTOCOL_VERSION, client="me", role="viewer")

TEMPLATE = """\
# The LLMRI protocol, version {version}

<!-- Made by `python -m llmri_protocol.documentation`; change the program, not this file. -->

A server runs a language model and tells its clients what happens inside it, token by token; clients send
edits back. This page is enough to write either end. Both speak over one TCP (or TLS) connection.

## Frames

Everything is a frame: four bytes, unsigned, big-endian, with the length of the body; then the body. A
length over the receiver's limit ends the connection with the error `too_long`. By default a server takes
{client_limit:,} bytes from a client, and a client {server_limit:,} bytes from a server. A body is one
message.

There are two dialects. The **native** one is MessagePack, for programs that want everything. The
**plain** one is JSON, for a client of ten lines. The client chooses:

| the client's first body | dialect |
| --- | --- |
| is a MessagePack map | native |
| begins with `{{` | plain |
| has not begun half a second after connecting | plain |

A server that asks for an access token speaks the native dialect only, and waits for `hello`.

## Native dialect

A body is a MessagePack map; its entry `type` names the message. Keys may come in any order; a server
sends `data` as the last of a `scan`. Unknown keys, missing keys and values out of range are refused. A
field with a default may be left out. Floats may be sent as 32 or 64 bits, or as integers.

### Handshake

The client says `hello` at once. The server answers `welcome`, or `error` and closes. A client need not
wait for `welcome` before it sends commands. Versions must be equal: `hello` in any version has `type`,
`protocol` as an integer, and an end that differs is told both numbers by the error `version`.

A `viewer` may send {viewer}. A `controller` may send everything.

Every command carries an `id` of the client's choice, and is answered by exactly one `reply` or `error`
with that `id`.

### Who may send what when

{states}

A message that exists but may not be sent now is answered by the error `unexpected`, and the connection
lives on.

### Turns, tokens, scans

Turn numbers start at 1 and grow. Inside a turn, token numbers count positions from 0: first the prompt's
new tokens, then the generated ones. A `token` of phase `generate` is told when it is chosen; the `scan`
with its number is what the forward pass computed with that token as input, so it comes later, and the
last token of a turn may have none. Messages of one turn are in order: `turn_start`, the prompt's tokens
and scans, tokens and scans, `turn_end`. Scans show activations after the edits at that site were applied.

Nothing waits for a slow client: when its queue is full its oldest scans are dropped, never another
message, and a `notice` tells how many. Of a long prompt only the last positions are scanned
(`limits.prompt_positions`).

### From a client

{client_overview}

{client_sections}

### From the server

{server_overview}

{server_sections}

### Parts of messages

{parts}

### The bytes of a scan

`data` holds the rows of the array `shape` one after another, little-endian, without padding: `shape[0] *
shape[1] * size` bytes, where

| dtype | size | meaning |
| --- | --- | --- |
| `f32` | 4 | IEEE 754 single precision |
| `f16` | 2 | IEEE 754 half precision |
| `bf16` | 2 | bfloat16: the upper 16 bits of a single. As float32: `(bits as uint32) << 16` |
| `u8` | 1 | `min + q * (max - min) / 255` with the row's own `stats.min` and `stats.max` |

`native` scans have the dtype `card.dtype`. Sent as `u8`, `q = round((x - min) / (max - min) * 255)`, 0
where `max` equals `min` and for NaN, and infinities become the nearest end. `stats` cover the finite
values of each row (all zero where there is none) and are of the values before they were scaled.

Because `data` is the last entry, a frame is a short prefix followed by the array's own memory: a sender
writes both with one `sendmsg` and copies nothing; a receiver reads the body into memory of its own and
lays an array over the end of it. The binary header is `c4`, `c5` or `c6` with a length of 1, 2 or 4
bytes, the shortest that fits.

### Worked example

`hello`, as bytes:

```
{hello_dump}
```

A `scan` of two layers, four units each, in bf16 (1, -2, 0.5, 0 and 0, 4, 8, -1):

```
{scan_dump}
```

## Plain dialect

A body is a JSON object in UTF-8. There is no handshake and no `id`. The server sends scans of its default
site, one a layer; a statistic that is no finite number is `null`. A plain client may edit. Tokens and
text are told in the native dialect only.

### From a plain client

{plain_client_overview}

{plain_client_sections}

### From the server to a plain client

{plain_server_overview}

{plain_server_sections}

{row_stats}

### Worked plain example

A client ablates unit 127 and boosts unit 384 of layer 22:

```
{intervention_dump}
```

The server confirms:

```
{active_dump}
```

The second layer of the scan above reads:

```json
{plain_scan}
```

## Errors

`code` is a word for programs; `message` is a sentence for people. The protocol itself has these codes,
and a server may add its own for commands it cannot carry out:

{codes}

Whatever is wrong with the first message ends the connection, and so does `too_long`; after all other
errors it lives on.
"""


def page() -> str:
    """Give the whole of `docs/protocol.md`."""
    scan = example_scan()
    intervention = plain.PlainIntervention(layer=22, interventions={127: 0.0, 384: 1.5})
    return TEMPLATE.format(
        version=PROTOCOL_VERSION,
        client_limit=CLIENT_LIMIT,
        server_limit=SERVER_LIMIT,
        viewer=_names(ROLES["viewer"]),
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
        row_stats=sections([RowStats]),
        intervention_dump=_plain_dump(_plain_frame(intervention)),
        active_dump=_plain_dump(_plain_frame(plain.InterventionActive(count=2, layer=22))),
        plain_scan=bytes(encode_plain(scan)[1][LENGTH.size :]).decode(),
        codes=table(("code", "meaning"), ((f"`{code}`", text) for code, text in CODES.items())),
    )


def example_scan() -> Scan:
    """Give the scan of the worked example, `[2, 4]` in bf16."""
    values = np.array([[1.0, -2.0, 0.5, 0.0], [0.0, 4.0, 8.0, -1.0]], np.float32)
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    return scan_message(
        bits, "bf16", turn=5, token=12, phase="generate", site="resid_post", layers=(22, 23), time=1.5
    )


def _states() -> str:
    rows = (
        (f"`{state}`", meaning, _names(NATIVE[state]["client"]), _names(NATIVE[state]["server"]))
        for state, meaning in STATES.items()
    )
    return table(("state", "meaning", "from the client", "from the server"), rows)


def _names(kinds: Kinds) -> str:
    order = [*CLIENT_KINDS, *SERVER_KINDS]
    return ", ".join(f"`{type_of(kind)}`" for kind in order if kind in kinds) or "nothing"


def _plain_frame(message: PlainClientMessage | PlainServerMessage) -> bytes:
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
