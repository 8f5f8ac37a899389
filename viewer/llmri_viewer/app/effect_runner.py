"""What a person asks of the program itself: files of what is shown, a film, the clipboard.

Only what needs the picture happens between two frames; files are written by other threads, and how that went
is told when it has gone.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from llmri_viewer import views
from llmri_viewer.app.application import Application
from llmri_viewer.commands.chat import TypeText
from llmri_viewer.commands.effects import ExportShown, PasteText, ToggleRecording
from llmri_viewer.files import export
from llmri_viewer.files.film import SECONDS_MOST, Film, FilmFrame
from llmri_viewer.files.writing import reason, timed, whole
from llmri_viewer.model.options import ExportName
from llmri_viewer.views.table import Table, edit_facts

STEM = Path("llmri")  # of files' names
PATIENCE = 10.0  # seconds that closing the window waits for files


@dataclass(frozen=True)
class Desktop:
    """What effects need of the window: the size and pixels of its picture, and the clipboard."""

    rgb: Callable[[], tuple[tuple[int, int], bytes]]
    clipboard: Callable[[], str]


class EffectRunner:
    """Carries effects out for a application; files go to the working folder under names made of the time."""

    def __init__(self, application: Application, desktop: Desktop) -> None:
        self._application = application
        self._desktop = desktop
        self._writer = ThreadPoolExecutor(1, "llmri files")
        self._writing: list[Future[str]] = []
        self._film: Film | None = None
        self._began = 0.0
        self._ending: list[Film] = []

    def run(self, effect: ExportShown | ToggleRecording | PasteText) -> None:
        """Carry one out, or begin to."""
        match effect:
            case ExportShown():
                self._export()
            case ToggleRecording():
                self._end_film() if self._film else self._begin_film()
            case PasteText():
                self._application.do(TypeText(self._desktop.clipboard()))

    def drawn(self) -> None:
        """Take the picture that was drawn into the film."""
        now = time.monotonic() - self._began
        if self._film is not None and self._film.wants(now):
            size, rgb = self._desktop.rgb()
            self._film.take(FilmFrame(size, rgb, now))

    def tick(self) -> None:
        """Count the film's seconds, and tell what has been written since."""
        if self._film is not None:
            now = time.monotonic() - self._began
            if self._film.over(now):
                self._end_film()
            elif int(now) != self._application.state.overlays.recorded:
                self._application.state = replace(
                    self._application.state,
                    overlays=replace(self._application.state.overlays, recorded=int(now)),
                )
        for written in [each for each in self._writing if each.done()]:
            self._writing.remove(written)
            self._tell(written.result())
        for film in [each for each in self._ending if each.done()]:
            self._ending.remove(film)
            self._tell(_outcome(film))

    def finish(self) -> None:
        """Wait until everything begun is written, a film too, but not for ever."""
        if self._film is not None:
            self._end_film()
        limit = time.monotonic() + PATIENCE
        for film in self._ending:
            film.done(max(0.0, limit - time.monotonic()))
        while self._writing and time.monotonic() < limit:
            self.tick()
            time.sleep(0.005)
        self.tick()

    def close(self) -> None:
        """Finish, and end the threads."""
        self.finish()
        self._writer.shutdown(wait=False, cancel_futures=True)

    def _export(self) -> None:
        kind = self._application.options.export
        table = views.table_of(self._application.state, self._application.store)
        size, rgb = self._desktop.rgb()
        shot = FilmFrame(size, rgb, facts=edit_facts(self._application.state))
        self._writing.append(self._writer.submit(_written, table, kind, shot))
        self._application.tell("exporting what is shown …")

    def _begin_film(self) -> None:
        try:
            self._film = Film(timed(STEM, ".gif"))
        except OSError as error:
            self._application.tell(f"nothing can be recorded here: {reason(error)}", warning=True)
            return
        self._began = time.monotonic()
        self._application.state = replace(
            self._application.state,
            overlays=replace(self._application.state.overlays, recording=True, recorded=0),
        )
        self._application.tell(f"recording a film of at most {SECONDS_MOST:.0f} seconds")

    def _end_film(self) -> None:
        if self._film is not None:
            self._film.end(time.monotonic() - self._began)
            self._ending.append(self._film)
        self._film = None
        self._application.state = replace(
            self._application.state, overlays=replace(self._application.state.overlays, recording=False)
        )

    def _tell(self, sentence: str) -> None:
        self._application.tell(sentence, warning="cannot" in sentence)


def _written(table: Table | None, kind: ExportName, shot: FilmFrame) -> str:
    """Write an export's files and say how it went."""
    try:
        path = timed(STEM, f".{kind}", ".png")
        picture = path.with_suffix(".png")
        _write(table, path, kind, shot, picture)
    except OSError as error:
        return f"what is shown cannot be exported: {reason(error)}"
    except MemoryError:
        return "what is shown cannot be exported: there is not enough memory"
    if table is None:
        return f"exported {picture.name}; this view shows no numbers"
    return f"exported {path.name}, {len(table)} rows, and {picture.name}"


def _write(table: Table | None, path: Path, kind: ExportName, shot: FilmFrame, picture: Path) -> None:
    """Write the numbers, where there are any, and the picture: both or neither."""
    if table is not None:
        export.write(table, path, kind)
    try:
        with whole(picture) as file:
            export.write_picture(shot, file)
    except BaseException:
        path.unlink(missing_ok=True)  # numbers without their picture are half an export
        raise


def _outcome(film: Film) -> str:
    if film.fault:
        return f"the film cannot be written: {film.fault}"
    return f"recorded {film.path.name}, {film.frames} pictures"
