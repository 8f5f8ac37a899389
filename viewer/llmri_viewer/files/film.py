"""A film of the window: pictures in, a GIF on disk, written as they come by a thread of its own."""

import queue
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from PIL import GifImagePlugin, Image, ImageChops

from llmri_viewer.files.writing import reason, whole

FRAMES_A_SECOND = 12
SECONDS_MOST = 60.0  # a film ends by itself then
WIDEST, HIGHEST = 960, 720  # pixels; a larger picture is scaled down
WAITING_MOST = 3  # pictures; while so many wait for the thread, further ones are left out
LONGEST_DELAY = 655.0  # seconds that a frame of a GIF can say
COLOURS = 256
STILL = 5.0  # seconds a film's last picture stays at most, if nothing came after it


@dataclass(frozen=True)
class FilmFrame:
    """A picture of the window: size, RGB bytes, seconds from a film's beginning, and what it is of."""

    size: tuple[int, int]
    rgb: bytes
    at: float = 0.0
    facts: Mapping[str, object] = field(default_factory=dict)


class Film:
    """Records from when it is made until `end`.

    No more than a few pictures are in memory: each goes to disk before the next but three comes. The frame
    loop only hands bytes over; scaling, colours and compression are the thread's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""  # why nothing was written
        self.frames = 0
        self._last = -1.0
        self._shots: queue.Queue[FilmFrame | None] = queue.Queue(WAITING_MOST)
        self._ended = 0.0
        self._sealed = False
        self._thread = threading.Thread(target=self._write, name="llmri film", daemon=True)
        self._thread.start()

    def wants(self, at: float) -> bool:
        """Tell whether a picture would be taken now: not more often than 12 times a second."""
        due = self._last < 0 or at - self._last >= 1 / FRAMES_A_SECOND
        return due and not self._shots.full() and not self.over(at)

    def take(self, shot: FilmFrame) -> None:
        """Take a picture that was wanted; never waits."""
        try:
            self._shots.put_nowait(shot)
        except queue.Full:
            return  # the next one will do
        self._last = shot.at

    def over(self, at: float) -> bool:
        """Tell whether it has to end: it is as long as it may be, or cannot be written."""
        return at >= SECONDS_MOST or bool(self.fault)

    def end(self, at: float) -> None:
        """Let it be finished by its thread; `done` tells when it is."""
        self._ended = at
        threading.Thread(target=self._shots.put, args=(None,), daemon=True).start()

    def done(self, patience: float = 0.0) -> bool:
        """Tell whether it is all written, or was given up, after so many seconds of waiting at most."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _write(self) -> None:
        try:
            with whole(self.path) as file:
                self._frames(file)
        except OSError as error:
            self.fault = reason(error)
            while not self._sealed:
                self._next()  # what is still handed over has nowhere to go

    def _next(self) -> FilmFrame | None:
        """Wait for the next picture; None ends the film."""
        shot = self._shots.get()
        self._sealed = shot is None
        return shot

    def _frames(self, file: IO[bytes]) -> None:
        """Write each picture's change against the one before, once it is known how long it stayed."""
        canvas: Image.Image | None = None
        waiting: tuple[Image.Image, tuple[int, int], float] | None = None
        while (shot := self._next()) is not None:
            image = scaled(shot)
            if canvas is None:
                file.write(_head(image.size))
                canvas = Image.new("RGB", image.size)
                box: tuple[int, int, int, int] | None = (0, 0, *image.size)
            else:
                image = _fitted(image, canvas.size)
                box = ImageChops.difference(canvas, image).getbbox()
            if box is None:
                continue
            if waiting is not None:
                file.write(_frame(*waiting[:2], shot.at - waiting[2]))
            waiting, canvas = (image.crop(box), box[:2], shot.at), image
            self.frames += 1
        if waiting is None:
            raise OSError("nothing was drawn meanwhile")
        file.write(_frame(*waiting[:2], min(STILL, max(1.0, self._ended - waiting[2]))))
        file.write(b";")


def scaled(shot: FilmFrame) -> Image.Image:
    """Return the picture, no larger than a film's may be."""
    image = Image.frombytes("RGB", shot.size, shot.rgb)
    share = min(1.0, WIDEST / image.width, HIGHEST / image.height)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image if size == image.size else image.resize(size, Image.Resampling.BOX)


def _fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the picture in the film's size, where the window's has changed: on black, scaled to fit."""
    if image.size == size:
        return image
    image.thumbnail(size)
    whole_image = Image.new("RGB", size)
    whole_image.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return whole_image


def _head(size: tuple[int, int]) -> bytes:
    """Return a GIF's head (GIF89a): its size, no colours common to all frames, and that it begins anew."""
    again = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    return b"GIF89a" + struct.pack("<HHBBB", *size, 0x70, 0, 0) + again


def _frame(image: Image.Image, corner: tuple[int, int], seconds: float) -> bytes:
    """Return a frame with colours of its own, laid over what is there, that stays so long."""
    few = image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    milliseconds = 10 * max(2, round(100 * min(seconds, LONGEST_DELAY)))
    parts = GifImagePlugin.getdata(few, corner, duration=milliseconds, include_color_table=True)
    return b"".join(parts)
