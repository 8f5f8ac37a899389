"""The viewer's pictures beside pygame's usual ways, an idle frame, and the window on a live model.

The pictures are drawn by the very functions that draw the window, on its surface of 1600 x 1000 pixels, with
SDL's dummy driver.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pygame

from benchmarks.live_viewer import VIEWS, Seen, watch
from benchmarks.pairs import Runs, Spread, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, milliseconds, percent, plain
from benchmarks.runs import Advance, Findings, Track, run
from benchmarks.shown import LAYERS, WIDTH, atlas, fill
from llmri_client.address import Address
from llmri_look.colours import colour
from llmri_look.colours.colour import Scale
from llmri_look.colours.theme import THEMES
from llmri_look.keys import bindings
from llmri_viewer.app.application import Application
from llmri_viewer.app.meter import FRAMES_A_SECOND
from llmri_viewer.app.window import Window
from llmri_viewer.drawing.palettes import palette
from llmri_viewer.drawing.plane import circles, lattice
from llmri_viewer.drawing.plane.inks import inks
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.disc_camera import DiscCamera, Flight
from llmri_viewer.model.layout.geometry import Box, fitting
from llmri_viewer.model.options import Options
from llmri_viewer.views.circles import lens_of, stage_of
from llmri_viewer.views.lattice import in_order
from llmri_viewer.views.picture import Picture

SIZE = (1600, 1000)
SIDE = 1024  # units across and down the image
ROUNDS = 12
IMAGE_ROUNDS = 30
FRAMES, IDLE_FRAMES = 20, 2000  # a run
LOOKS = 3  # at each view
FRAME = 1 / FRAMES_A_SECOND

OVER_MAKE_SURFACE = Gate(8, at_most=False)
OVER_BARE = Gate(1.6)
OVER_CIRCLES = Gate(1.8, at_most=False)
IDLE_FRAME = Gate(0.25e-3)
DELAY = Gate(2)
RATE = Gate(FRAMES_A_SECOND, at_most=False)
HELD = Gate(FRAME)  # nearly all are ready in time
IDLE_CPU = Gate(0.05)
NO_REDRAW = Gate(0)

Floats = npt.NDArray[np.float32]


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure pictures, the idle frame, and the live window; `rounds` replaces the number of rounds."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    session = Application(Address(), Options(width=SIZE[0], height=SIZE[1], scale=1), atlas=atlas())
    window = Window(session, bindings.load(), THEMES["dark"])
    try:
        fill(session)
        title = "Viewer, an image of 1024 x 1024 units"
        yield turns(title, images(window), rounds or IMAGE_ROUNDS, image_rows, track, figure=min)
        yield turns("Viewer, 4096 live circles", live_circles(window), rounds or ROUNDS, circle_rows, track)
        title = "Viewer, a frame with nothing new"
        yield turns(title, idle(window), rounds or ROUNDS, idle_rows, track, frames=IDLE_FRAMES)
    finally:
        session.close()
        window.close()
    yield live(track, rounds or LOOKS)


def turns(
    title: str,
    contestants: Mapping[str, Callable[[], object]],
    rounds: int,
    rows: Callable[[Runs[float]], Findings],
    track: Track,
    *,
    figure: Callable[[list[float]], float] = statistics.median,
    frames: int = FRAMES,
) -> Section:
    """Let the contestants take turns; `figure` makes one of the seconds of a run's frames."""
    timed = {name: _timed(frame, figure, frames) for name, frame in contestants.items()}

    def take_turns(advance: Advance) -> Runs[float]:
        return interleave(timed, rounds, advance)

    return run(title, 2 * rounds * len(timed), take_turns, rows, track)


def _timed(
    frame: Callable[[], object], figure: Callable[[list[float]], float], frames: int
) -> Callable[[], float]:
    """Return a run of some frames, and the figure of their seconds."""

    def seconds() -> float:
        times = []
        for _ in range(frames):
            begin = time.perf_counter()
            frame()
            times.append(time.perf_counter() - begin)
        return figure(times)

    return seconds


def images(window: Window) -> dict[str, Callable[[], object]]:
    """Return ways to bring a million values to the window's surface."""
    canvas, surface = window.canvas, window.canvas.surface
    values: Floats = np.random.default_rng(0).normal(size=SIDE * SIDE).astype(np.float32)
    square = values.reshape(SIDE, SIDE)
    scale, place = Scale(-3, 3), in_order(SIDE * SIDE)
    colours, table = palette("viridis", canvas.theme), colour.table("viridis", "dark")
    whole = Box(0, 0, *SIZE)
    stage = window_parts.of(SIZE).view
    camera = fitting(place.grid, stage)

    def levels() -> npt.NDArray[np.uint8]:
        return lattice.cell_levels(place, Picture(values, scale).levels, {})

    def quantised() -> npt.NDArray[np.uint8]:
        shares = (square - np.float32(scale.low)) * np.float32(250 / (scale.high - scale.low))
        levels: npt.NDArray[np.uint8] = np.clip(shares, 0, 250).astype(np.uint8)
        return levels

    def bare() -> None:
        image = pygame.image.frombuffer(quantised().data, (SIDE, SIDE), "P")
        image.set_palette(colours)
        pygame.transform.scale(image, SIZE)

    def usual() -> None:
        image = pygame.surfarray.make_surface(table[quantised()].swapaxes(0, 1))
        surface.blit(pygame.transform.scale(image, SIZE), (0, 0))

    return {
        "ours": lambda: canvas.levels(levels(), colours, whole),
        "bare": bare,
        "make_surface": usual,
        "grid": lambda: lattice.units(canvas, stage, camera, levels(), colours),
    }


def image_rows(runs: Runs[float]) -> Findings:
    """Work out the table of images."""
    seconds = per_round(runs, lambda median: median)
    return Findings(
        (
            Row("make_surface / LLMRI", ratio(seconds["make_surface"], seconds["ours"]), OVER_MAKE_SURFACE),
            Row("LLMRI / bare quantise + scale", ratio(seconds["ours"], seconds["bare"]), OVER_BARE),
            Row("LLMRI", spread(seconds["ours"]), write=milliseconds),
            Row("bare quantise + scale", spread(seconds["bare"]), write=milliseconds),
            Row("make_surface", spread(seconds["make_surface"]), write=milliseconds),
            Row("LLMRI, in the grid at a pixel a unit", spread(seconds["grid"]), write=milliseconds),
        ),
        (
            "New values each time, stretched over the whole surface. LLMRI and `make_surface` (values "
            "through a colour table, `surfarray.make_surface`, `transform.scale`) end on the window's "
            "surface; the bare way (an 8-bit surface with a palette, scaled) is not brought there. LLMRI "
            f"also looks for NaN. The fastest of {FRAMES} frames is a run's figure: it is memory that takes "
            "the time, and others on the machine use it, too.",
        ),
    )


def live_circles(window: Window) -> dict[str, Callable[[], object]]:
    """Return ways to draw 4096 circles in their colours."""
    canvas, session = window.canvas, window.application
    state = replace(session.state, pane=replace(session.state.pane, view="circles"))
    gliding = replace(state, pane=replace(state.pane, flight=Flight(DiscCamera(0.0, 0.0, 1.0), 0.5)))
    packed = session.state.atlas
    if packed is None:
        raise RuntimeError("the clusters are not those of the card")
    values: Floats = np.random.default_rng(0).normal(size=LAYERS * WIDTH).astype(np.float32)
    stage, lens = stage_of(state), lens_of(state, packed)
    x, y = lens.pixel(stage, packed.packing.units[:, 0], packed.packing.units[:, 1])
    radius = packed.packing.units[:, 2] * lens.scale(stage)
    places = list(zip(x.tolist(), y.tolist(), radius.tolist(), strict=True))
    table, scale = colour.table(state.look.colour_map, "dark"), Scale(-3, 3)

    def lit() -> npt.NDArray[np.uint8]:
        return inks(canvas.theme, packed, state, Picture(values, scale))

    def one_by_one() -> None:
        colours = table[colour.levels(values, scale)].tolist()
        for (across, down, reach), ink in zip(places, colours, strict=True):
            pygame.draw.circle(canvas.surface, ink, (across, down), reach)

    return {
        "ours": lambda: circles.still(canvas, state, lens, stage, lit()),
        "view": lambda: circles.draw(canvas, state, Picture(values, scale)),
        "draw.circle": one_by_one,
        "gliding": lambda: circles.draw(canvas, gliding, Picture(values, scale)),
    }


def circle_rows(runs: Runs[float]) -> Findings:
    """Work out the table of circles."""
    seconds = per_round(runs, lambda median: median)
    return Findings(
        (
            Row("4096 `draw.circle` / LLMRI", ratio(seconds["draw.circle"], seconds["ours"]), OVER_CIRCLES),
            Row("LLMRI", spread(seconds["ours"]), write=milliseconds),
            Row("4096 `draw.circle`", spread(seconds["draw.circle"]), write=milliseconds),
            Row("LLMRI, with labels and what is pointed at", spread(seconds["view"]), write=milliseconds),
            Row("LLMRI, while the camera glides", spread(seconds["gliding"]), write=milliseconds),
        ),
        (
            "LLMRI draws soft edges, rims, and the clusters' grounds and outlines, too; "
            "`pygame.draw.circle` draws the units alone, with hard edges.",
        ),
    )


def idle(window: Window) -> dict[str, Callable[[], object]]:
    """Return the frame of a window that has nothing new."""
    for _ in range(10):
        window.frame()
    return {"idle": window.frame}


def idle_rows(runs: Runs[float]) -> Findings:
    """Work out the table of the idle frame."""
    seconds = per_round(runs, lambda median: median)
    return Findings((Row("`Window.frame`", spread(seconds["idle"]), IDLE_FRAME, write=milliseconds),))


def live(track: Track, looks: int) -> Section:
    """Watch a real server with a real window, each in a process of its own, in one view after another."""

    def measure(advance: Advance) -> dict[str, Seen]:
        return dict(watch(looks, SIZE, advance))

    return run("Viewer, live on pocket", len(VIEWS), measure, live_rows, track)


def slowest(seen: Mapping[str, Seen]) -> Spread:
    """Return how many pictures the view showed a second that showed the fewest."""
    rates = [spread([look.pictures for look in each.looks]) for each in seen.values()]
    return min(rates, key=lambda rate: rate.median)


def live_rows(seen: Mapping[str, Seen]) -> Findings:
    """Work out the table of the live window: each view is judged, and all of them when they rest."""
    looks = [look for each in seen.values() for look in each.looks]
    delays = {view: [look.delay_95 / FRAME for look in each.looks] for view, each in seen.items()}
    frames = {view: [look.frame_95 for look in each.looks] for view, each in seen.items()}
    return Findings(
        (
            *(
                Row(f"scan to picture, 95th percentile, in frames: {view}", spread(found), DELAY)
                for view, found in delays.items()
            ),
            *(
                Row(f"frame, 95th percentile: {view}", spread(found), HELD, milliseconds)
                for view, found in frames.items()
            ),
            Row(
                "processor with nothing new, share of a core, at most in any view",
                spread([max(each.idle_cpu for each in seen.values())]),
                IDLE_CPU,
                percent,
            ),
            Row(
                "pictures drawn while idle, in all views",
                spread([sum(each.idle_pictures for each in seen.values())]),
                NO_REDRAW,
            ),
            Row("scan to picture, median", spread([look.delay for look in looks]), write=milliseconds),
            Row("frame, median", spread([look.frame for look in looks]), write=milliseconds),
            Row("pictures a second, in the slowest view", slowest(seen), RATE, plain),
            Row("scans a second", spread([look.scans for look in looks]), write=plain),
        ),
        (
            "`llmri serve pocket` speaks turn after turn at full speed, and a window with the dummy driver "
            "follows, a process a view. A unit is selected; the clusters are those of `llmri cluster` on the "
            "same server. Times are the program's own (F2): from the socket to the end of the flip.",
        ),
    )
