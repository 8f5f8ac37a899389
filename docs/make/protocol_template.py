"""The text of `docs/protocol.md`, with gaps for what the program fills in."""

TEMPLATE = """\
# The LLMRI protocol, version {version}

<!-- Made by `python -m docs.make.protocol`; change the program, not this file. -->

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
| has not begun half a second after connecting | plain, until its first body says otherwise |

A client that was silent for half a second gets plain frames from then on. Where its first body is a
`hello` all the same, however late, it is a native one: what waited for the plain client is thrown away,
and `welcome` (or `error`) is the next frame that the server begins. So a native client passes over bodies
that begin with `{{` until it is welcomed; only a plain `error` among them is the refusal that it says.

From its first packet a client has {handshake} seconds to say who it is, TLS included, however its bytes are
cut. A server that asks for an access token speaks the native dialect only, and waits that long for `hello`.

A server that has as many clients as it takes answers `hello` by the error `too_many_clients`, and closes.
But a plain client that never said anything gives way to one that speaks: the one that has been silent for
longest is told `too_many_clients`. A plain client that means to stay says something once, such as `ping`.
An error that ends the connection comes before the end of the stream, which the server ends first. Who is
refused for one of {passing} may try again; after any other code it would
not help.

A wrong access token is answered later each time, counted by the address it comes from; the right one is
not delayed. While many wrong ones of an address wait for their answer, no other token from there is looked
at, and the error is `too_many_clients`.

## Native dialect

A body is a MessagePack map; its entry `type` names the message. Keys may come in any order; a sender puts
arrays last. Missing keys and values out of range are refused; what is not known is treated as the next
section says. A field with a default may be left out. Floats may be sent as 32 or 64 bits, or as integers.

### What may be added within version {version}

Messages, optional fields, dtypes, sites, kinds of positions, reasons and other words of a list may be added
without a new version. So that both ends live with a later peer:

| who | what it does not know | what it does |
| --- | --- | --- |
| client | a message | passes over it |
| client | a field | passes over it |
| client | a value in a list of words | takes the field's default, or for `turn_end.reason` `end`, for \
`notice.level` `info`, for `card.dtype` `f32`; otherwise passes over the message, such as a `scan` of an \
unknown `dtype` |
| client | anything in an edit that stands | never reads it as another edit: it says that edits stand which \
it cannot read (in words in `unread`, which a server leaves empty) |
| server | a command | answers `unknown_type`, with its `id` |
| server | a field of a command, or of a part of one | skips it and names it in `reply.skipped`, \
such as `sampling.mood` |
| server | a value in a command | answers `bad_field`, with its `id` |
| server | anything in an edit | answers `bad_field`, with its `id`; nothing is applied |

The connection lives on in each case. Edits are whole or nothing, since an edit without a field is another
edit; the same holds for documents of edits. A sender leaves a command's field out where it has its default,
so that an older server hears only of what is really asked for. `welcome.answers` lists the commands that a
server answers; a command of this version that it cannot answer gets the error `unsupported`.

A field is never taken away, gets no other meaning and does not become required within a version. A field
added to an edit is sent only where it is not its default.

### Handshake

The client says `hello` at once. The server answers `welcome`, or `error` and closes. A client need not
wait for `welcome` before it sends commands. Versions must be equal: `hello` in any version has `type`,
`protocol` as an integer, and an end that differs is told both numbers by the error `version`.

A `viewer` may send {viewer}. A `controller` may send everything.

Every command carries an `id` of the client's choice, and is answered by exactly one `reply` or `error`
with that `id`. Where a command asks for something, its result comes before its `reply`, with the same
`id`:

{results}

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
`revision` says which edits these were: a scan names the edits of the pass that computed it, a chosen token
those of the pass that chose it, and a token that was read names none.

`chat` says one `text` after what was said before, or brings all `messages` of a conversation, which then are
the conversation; `sampling` holds for that one reply, and what is null in it is as in `welcome.sampling`.

Statistics of rows cost time, so they come where `subscribe` asks for them, and with `u8`, which means nothing
without. Where a finite value is too large for `f16`, the scan comes as `f32` and a `notice` says so once for
each site.

Nothing waits for a slow client: when its queue is full its oldest scans are dropped, never another
message, and a `notice` tells how many. Of a long prompt only the last positions are scanned
(`limits.prompt_positions`).

### Edits

All clients see one set of edits. `intervene` adds to it, or with `replace` takes its place, all or
nothing; `undo` and `redo` walk its history, whoever made it. After every change everybody is told
`edits`: all that stand, in order, and who changed them. The latest edit that names a unit is the only one
that acts on it; `steer` names none, and comes before them. An edit applies from the next forward pass on.
What each operation does, and where and when, is in [edits.md](edits.md).

Keys and values of earlier tokens stay as they were computed. Where some of them come from other edits
than those that stand, `stale_cache` says so, and `re_prefill` computes all of them anew; then `edits`
comes again. A unit of `card.protected` is only ablated by `force`, and only where the server allows it;
otherwise the error is `protected`.

A server may still look for such units when a client joins: a `notice` after `welcome` then begins with
`looking for protected units`. Until the search is over no edit is checked against what it will find, and a
`notice` before the `reply` says so. What it finds is on the `card` that is sent then, and said in a `notice`:
`protected from now on: unit 5 of `resid_post` in layers 0-2,7 (massive); unit 9 of `mlp_act` in layer 3
(loss)`. Otherwise one begins with `no protected units were found`, or with `the search for protected units`
where it was stopped or failed. A `stop` without `command` ends the search where no turn runs or waits.

### Measurements

`influence`, `attribute`, `compare` and `logit_lens` compute beside the conversation and leave it as it
was. They and `re_prefill` wait for the turns asked for before them, and a turn waits for them. While one
runs, its client alone hears of its `progress`; then come its result and its `reply`, or one `error`. `stop`
with `command` ends it: that `stop` has a `reply` of its own, and the measurement the error `stopped`.

`logit_lens` is answered where `card.lens` says so. Each layer's output at one position goes the way of the
last layer's, through the final norm and the unembedding (nostalgebraist 2020, "interpreting GPT: the logit
lens"), under the edits that stand; the last layer is the model's own answer.

`logit_lens` with `first` reads every token from there to `token`: a `logit_lens_map` each, in order, then one
`reply`.

### Beside the conversation

`scan_text` reads a text or a conversation and generates nothing: its `token`s and `scan`s carry the command's
id in `command`, and `turn` 0; pieces of `logits` follow where they were asked for, then `scanned_text`. A
token's `logprob`, `entropy` and `top` are of the distribution it came from, as in a reply, so the first token
has none. `replay_site` computes scans of an earlier turn again: they carry `command`, their own turn, token
and revision, and `recomputed`. Both wait for turns and are ended by `stop` as measurements are. Who shows a
conversation passes over what has a `command`. What answers them is never dropped: once `answer_bytes` of it
wait to be read, the model waits for the reader, unless somebody else wants it or nothing is read for five
seconds; then the command ends with the error `too_much_unread`.

### Recordings

A server that plays a recording tells `playback` after every change: whether it goes on by itself, where it is
and how fast. `playback` from a controller changes it for everybody. It answers what `welcome.answers` lists,
which is neither `chat` nor edits.

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

`native` scans have the dtype `card.dtype`, and those asked for as `f16` are `f32` where they do not fit.
Sent as `u8`, `q = round((x - min) / (max - min) * 255)`, 0
where `max` equals `min` and for NaN, and infinities become the nearest end. `stats` cover the finite
values of each row (all zero where there is none) and are of the values before they were scaled.

The `data` of `influence_map`, `logits` and `attribution` is always `f32`, of `shape` and of one row.

Because `data` is the last entry, a frame is a short prefix followed by the array's own memory: a sender
writes both with one `sendmsg` and copies nothing; a receiver reads the body into memory of its own and
lays an array over the end of it. A message may have several arrays,
which are its last entries. The binary header is `c4`, `c5` or `c6` with a length of 1, 2 or 4
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
