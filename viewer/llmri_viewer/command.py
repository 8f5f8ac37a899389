"""`llmri view`: the command line of the viewer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from llmri_client.options import AccessOptions, TokenError, Where
from llmri_client.tls import CertificateError
from llmri_look.colours.theme import THEMES, ThemeName
from llmri_look.keys import bindings
from llmri_protocol.addresses import DEFAULT_ADDRESS, AddressError
from llmri_protocol.command_line import application, from_options, one_sentence
from llmri_protocol.configs import ConfigError
from llmri_viewer.app import user_paths
from llmri_viewer.app.application import Application
from llmri_viewer.model import options
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.layout.density import DensityOption
from llmri_viewer.model.state import Link
from llmri_viewer.scripts import script

ScaleWord = Literal["auto", "1", "2", "3"]
DENSITIES: dict[ScaleWord | None, DensityOption] = {"auto": "auto", "1": 1, "2": 2, "3": 3}

app = application()


class _UserError(Exception):
    """A user's mistake or a refusal, in one sentence."""


@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """All that the command line of `llmri view` says."""

    address: Where = DEFAULT_ADDRESS
    site: Annotated[str, typer.Option(help="Begin at this site, such as mlp_act.")] = ""
    layer: Annotated[int | None, typer.Option(min=0, help="Begin at this layer.")] = None
    clusters: Annotated[
        Path | None,
        typer.Option(help="File of clusters that `llmri cluster` or the viewer wrote, for O and H."),
    ] = None
    theme: Annotated[ThemeName | None, typer.Option("--theme", help="Colours of the window.")] = None
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Size of the window, in pixels of the layout; see --scale.")
    ] = ""
    scale: Annotated[
        ScaleWord | None,
        typer.Option(
            help="Screen pixels, across and down, that one of the layout's takes; "
            "auto: one for each full 1080 lines of the desktop, at most 3."
        ),
    ] = None
    reconnect: Annotated[
        bool, typer.Option("--reconnect/--no-reconnect", help="Connect again when the server comes back.")
    ] = True
    read_only: Annotated[bool, typer.Option("--read-only", help="Look only: no chat, no edits.")] = False
    access: AccessOptions = field(default_factory=AccessOptions)
    config: Annotated[Path | None, typer.Option(help="Settings in place of the bundled viewer.toml.")] = None
    keys_file: Annotated[
        Path | None,
        typer.Option(
            help="Keys in place of those in the bundled keys.toml; "
            "else a keys.toml in ~/.config/llmri, if there is one."
        ),
    ] = None
    keys: Annotated[str, typer.Option(help='Play a script: "wait:connected down b wait:edits shot".')] = ""
    shot: Annotated[Path | None, typer.Option("--shot", help="Where screenshots go (PNG).")] = None
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a screen: play --keys, save --shot, end.")
    ] = False
    patience: Annotated[float, typer.Option(min=0.1, help="Longest wait of a script, in seconds.")] = 60.0


@app.command()
@from_options
def view(given: ViewOptions) -> None:
    """Watch a model server, and touch what it thinks."""
    mistakes = _UserError, ConfigError, script.ScriptError, AddressError, CertificateError, TokenError
    with one_sentence("llmri view", *mistakes):
        table = bindings.load(given.keys_file or user_paths.own_keys())
        actions = _actions(given.keys, table, last_shot=given.headless and given.shot is not None)
        application = _application(given)
        with nullcontext() if given.headless else _first_hint(application):
            _show(application, table, actions, given)


def _application(given: ViewOptions) -> Application:
    """Return the viewer, not yet connected."""
    settings = options.changed(
        options.load(given.config), theme=given.theme, size=given.size, scale=DENSITIES.get(given.scale)
    )
    where = given.access.read().at(given.address, "viewer" if given.read_only else "controller")
    atlas = _atlas(given.clusters) if given.clusters else None
    begin = given.site or (atlas.site if atlas else "")
    return Application(where, settings, reconnect=given.reconnect, site=begin, layer=given.layer, atlas=atlas)


def _actions(keys: str, table: bindings.Bindings, *, last_shot: bool) -> list[script.Action]:
    """Return the script's actions, with a screenshot at the end where one is wanted and none is in it."""
    actions = script.parse(keys, table)
    if last_shot and not actions:
        actions.append(script.Wait("connected"))
    if last_shot and not any(isinstance(action, script.Shot) for action in actions):
        actions.append(script.Shot())
    return actions


@contextmanager
def _first_hint(application: Application) -> Iterator[None]:
    """Show the first keys to who never saw them; remember that they were closed."""
    application.state = replace(
        application.state, overlays=replace(application.state.overlays, hint=user_paths.is_first_run())
    )
    hinted = application.state.overlays.hint
    try:
        yield
    finally:
        if hinted and not application.state.overlays.hint:
            user_paths.remember_hint()


def _show(
    application: Application,
    table: bindings.Bindings,
    actions: list[script.Action],
    given: ViewOptions,
) -> None:
    """Open the window, play the script, and show on until it is quit."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "llmri")  # what window managers and xdotool call it
    if given.headless:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
    from llmri_viewer.app.window import Window, WindowError  # noqa: PLC0415
    from llmri_viewer.scripts.pilot import Pilot, ScriptFailedError  # noqa: PLC0415 - pygame must not load before this

    window = None
    try:
        window = Window(application, table, THEMES[application.options.theme])
        window.shot_file = given.shot
        application.link.start()
        careful = table.keys_for("edit.boost", "edit.ablate") if given.headless else ()
        Pilot(window, given.patience, careful).play(actions)
        if not given.headless:
            window.run()
    except (WindowError, ScriptFailedError) as fault:
        raise _UserError(str(fault)) from None
    except KeyboardInterrupt:
        return
    finally:
        application.close()
        if window is not None:
            window.close()
    connection = application.state.connection
    if connection.link.link is Link.REFUSED or (given.headless and connection.card is None):
        raise _UserError(connection.link.sentence)


def _atlas(file: Path) -> Atlas:
    """Return the clusters of a file."""
    from llmri_clustering.files import ClusterFileError, load  # noqa: PLC0415 - slow, and seldom needed

    try:
        return Atlas.of(load(file))
    except ClusterFileError as fault:
        raise _UserError(str(fault)) from None
    except OSError as error:
        raise _UserError(f"cannot read the clusters in {file}: {error.strerror}") from None
