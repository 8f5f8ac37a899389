"""The lines at the window's top and foot: what is shown and how; what is typed, or what there is to say."""

from dataclasses import dataclass
from typing import Literal

from llmri_look import words
from llmri_look.colours.theme import LARGE, Colour
from llmri_viewer import views
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.panels import edits
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.playback import time_word
from llmri_viewer.model.state import Link, ViewState

GAP = 2 * UNIT
FAMILY_FROM = 800  # pixels of width
PART_LEAST = 14 * UNIT  # of room, below which nothing is begun
NAME_WIDEST = 40 * UNIT
SIGN = 5  # pixels from a sign's middle to its edge
Shape = Literal["dot", "ring", "bars", "wedge"]
LINKS: dict[Link, str] = {
    Link.CONNECTING: "connecting",
    Link.WAITING: "reconnecting",
    Link.REFUSED: "no connection",
}
ROW = 20
FOOT_GAP = 3 * UNIT
CHAT = "say something; {chat.send} sends, {chat.send_new} in a new conversation, {chat.leave} leaves"
LOOKING = "{help.toggle} shows the keys"
SILENT = "this window only looks; {chat.leave} leaves"
HINT = "{chat.open} talks to the model · {help.toggle} shows the keys"


@dataclass(frozen=True)
class Flag:
    """A word at the right end, with a sign that tells it from the others without colour."""

    word: str
    shape: Shape
    ink: Colour


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore, timings: str) -> None:
    """Draw the bar; what has no room on the left is left out, the flags on the right never."""
    theme = canvas.theme
    canvas.fill(box, theme.panel)
    canvas.line((box.x, box.bottom - 1), (box.right, box.bottom - 1), theme.line)
    stop = box.right
    for flag in reversed(_flags(canvas, state, store)):
        stop = _flag(canvas, box, stop, flag)
    left = box.x + GAP
    name = state.connection.card.name if state.connection.card else "llmri"
    left += canvas.text(
        Box(left, box.y, max(0, min(stop - GAP - left, NAME_WIDEST)), box.height),
        name,
        size=LARGE,
        face="bold",
    )
    parts = _parts(state, store)
    for part in [timings, *parts] if timings else parts:
        if left + PART_LEAST > stop:
            break
        x = left + GAP
        canvas.line((x, box.y + 12), (x, box.bottom - 13), theme.line)
        left = x + GAP
        left += canvas.text(Box(left, box.y, max(0, stop - GAP - left), box.height), part)


def _parts(state: ViewState, store: ScanStore) -> list[str]:
    card = state.connection.card
    if card is None:
        return []
    parts = (
        [f"{card.family} {card.layers} {words.TIMES} {card.hidden_size}"]
        if state.window.size[0] >= FAMILY_FROM
        else []
    )
    parts += [state.pane.site, _where(state, card.layers)] if state.pane.site else []
    if state.time.at is not None:
        turn = store.turns.get(state.time.at.turn)
        token = turn.tokens.get(state.time.at.token) if turn else None
        text = f" “{token.text}”" if token else ""
        parts.append(f"turn {state.time.at.turn}, token {state.time.at.token}{text}")
    told = edits.brief(state) if window_parts.of(state.window.size).side is None else ""
    if told:  # nothing else in the window tells it: it stands before what can be guessed
        parts[:1] = [told] if state.window.size[0] >= FAMILY_FROM else [told, *parts[:1]]
    return parts


def _where(state: ViewState, layers: int) -> str:
    """Name what layers the view shows, of how many."""
    subject = views.of(state).subject(state) if views.of(state).of_clusters else None
    return subject.where if subject else f"layer {state.pane.layer} of 0{words.DASH}{layers - 1}"


def _film_time(recorded: int) -> str:
    """Say how many seconds of a film there are so far."""
    minutes, seconds = divmod(recorded, 60)
    return f"recording {minutes:02}:{seconds:02}"


def _flags(canvas: Canvas, state: ViewState, store: ScanStore) -> list[Flag]:
    """What goes on now: recording, whether one may only look, a lost connection, and how time passes."""
    theme = canvas.theme
    flags = (
        [Flag(_film_time(state.overlays.recorded), "dot", theme.accent)] if state.overlays.recording else []
    )
    if state.connection.read_only:
        flags.append(Flag("read only", "ring", theme.dim))
    lost = state.connection.link.link is not Link.CONNECTED
    if lost:
        flags.append(Flag(LINKS[state.connection.link.link], "ring", theme.warning))
    if state.time.at is not None or not lost:
        word, kind = time_word(state, store)
        shape: dict[str, Shape] = {"live": "dot", "held": "bars", "replay": "wedge"}
        flags.append(Flag(word, shape[kind], theme.accent if kind == "live" else theme.warning))
    return flags


def _flag(canvas: Canvas, box: Box, right: int, flag: Flag) -> int:
    """Draw a flag that ends left of a place; give where it begins."""
    room = canvas.width(flag.word)
    left = right - GAP - room
    canvas.text(Box(left, box.y, room, box.height), flag.word, colour=flag.ink)
    _sign(canvas, (left - UNIT - SIGN, box.y + box.height // 2), flag)
    return left - UNIT - 2 * SIGN


def _sign(canvas: Canvas, at: tuple[int, int], flag: Flag) -> None:
    x, y = at
    match flag.shape:
        case "dot":
            canvas.dot(at, SIGN - 1, flag.ink)
        case "ring":
            canvas.ring(at, SIGN, flag.ink)
        case "bars":
            for left in (x - SIGN + 1, x + 1):
                canvas.fill(Box(left, y - SIGN, 3, 2 * SIGN), flag.ink)
        case "wedge":
            canvas.polygon([(x - SIGN + 1, y - SIGN), (x + SIGN, y), (x - SIGN + 1, y + SIGN)], flag.ink)


def draw_foot(canvas: Canvas, box: Box, above: Box, state: ViewState, meters: str) -> None:
    """Draw what is typed, else a notice, else a hint; the meters at the right.

    A notice that has no room in the line is written in as many lines as it needs, over the panel `above`.
    """
    theme = canvas.theme
    canvas.fill(box, theme.raised)
    inner = box.inset(2 * UNIT, 0)
    room = canvas.width(meters, "mono")
    canvas.text(Box(inner.right - room, box.y, room, box.height), meters, face="mono", colour=theme.dim)
    if state.clusters.job is not None:
        place = Box(inner.x, box.y, inner.width - room - FOOT_GAP, box.height)
        room += waiting.job_bar(canvas, place, state.clusters.job)
    left = Box(inner.x, box.y, max(0, inner.width - room - FOOT_GAP), box.height)
    notice = canvas.spelled(state.overlays.notice)
    typing = state.typing.chat is not None
    if state.typing.chat is not None:
        _typed(canvas, left, "> ", state.typing.chat, SILENT if state.connection.read_only else CHAT)
    elif notice and canvas.width(notice) <= left.width:
        canvas.text(left, notice, colour=theme.warning if state.overlays.warning else theme.text)
        return
    elif state.connection.link.link is not Link.CONNECTED and state.connection.card is not None:
        canvas.text(left, state.connection.link.sentence, colour=theme.warning)
    else:
        canvas.text(left, canvas.spelled(LOOKING if state.connection.read_only else HINT), colour=theme.dim)
    if notice and (typing or canvas.width(notice) > left.width):
        _tray(canvas, above, notice, warning=state.overlays.warning)


def _tray(canvas: Canvas, above: Box, notice: str, *, warning: bool) -> None:
    """Write a long notice, or one told while something is typed, at the foot of the panel above."""
    theme = canvas.theme
    most = max(1, (above.height - 2 * UNIT) // ROW)
    lines = min(most, canvas.lines(notice, above.width - 4 * UNIT))
    height = lines * ROW + 2 * UNIT
    box = Box(above.x, above.bottom - height, above.width, height)
    canvas.cover(box, theme.raised)
    canvas.line((box.x, box.y), (box.right, box.y), theme.warning if warning else theme.accent)
    ink = theme.warning if warning else theme.text
    canvas.paragraph(box.inset(2 * UNIT, UNIT), notice, ROW, colour=ink)


def _typed(canvas: Canvas, box: Box, sign: str, typed: str, prompt: str) -> None:
    """Write what is typed, its end always in sight, and a bar where the next letter goes."""
    theme = canvas.theme
    used = canvas.text(box, sign, face="mono", colour=theme.accent)
    place = Box(box.x + used, box.y, max(0, box.width - used - UNIT), box.height)
    if not typed:
        canvas.text(place.inset(UNIT // 2, 0), canvas.spelled(prompt), colour=theme.dim)
    used = canvas.text(place, canvas.tail(typed, "mono", place.width), face="mono")
    canvas.line((place.x + used + 1, box.y + UNIT), (place.x + used + 1, box.bottom - UNIT), theme.accent, 2)
