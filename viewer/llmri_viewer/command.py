"""`llmri view`: the command line of the viewer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from llmri_client.options import Credentials, Tls, TlsCa, TokenError, TokenFile, Where
from llmri_client.tls import CertificateError
from llmri_look.colours.theme import THEMES, ThemeName
from llmri_look.keys import bindings
from llmri_protocol.addresses import DEFAULT_ADDRESS, AddressError
from llmri_protocol.command_line import application, one_sentence
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


Site = Annotated[str, typer.Option(help="Begin at this site, such as mlp_act.")]
Layer = Annotated[int | None, typer.Option(min=0, help="Begin at this layer.")]
Clusters = Annotated[
    Path | None, typer.Option(help="File of clusters that `llmri cluster` or the viewer wrote, for O and H.")
]
Colours = Annotated[ThemeName | None, typer.Option("--theme", help="Colours of the window.")]
Size = Annotated[
    str, typer.Option(metavar="WxH", help="Size of the window, in pixels of the layout; see --scale.")
]
Scale = Annotated[
    ScaleWord | None,
    typer.Option(
        help="Screen pixels, across and down, that one of the layout's takes; "
        "auto: one for each full 1080 lines of the desktop, at most 3."
    ),
]
Reconnect = Annotated[
    bool, typer.Option("--reconnect/--no-reconnect", help="Connect again when the server comes back.")
]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Look only: no chat, no edits.")]
Config = Annotated[Path | None, typer.Option(help="Settings in place of the bundled viewer.toml.")]
KeysFile = Annotated[
    Path | None,
    typer.Option(
        help="Keys in place of those in the bundled keys.toml; "
        "else a keys.toml in ~/.config/llmri, if there is one."
    ),
]
Keys = Annotated[str, typer.Option(help='Play a script: "wait:connected down b wait:edits shot".')]
ShotFile = Annotated[Path | None, typer.Option("--shot", help="Where screenshots go (PNG).")]
Headless = Annotated[
    bool, typer.Option("--headless", help="Without a screen: play --keys, save --shot, end.")
]
Patience = Annotated[float, typer.Option(min=0.1, help="Longest wait of a script, in seconds.")]


@app.command()
def view(
    address: Where = DEFAULT_ADDRESS,
    *,
    site: Site = "",
    layer: Layer = None,
    clusters: Clusters = None,
    theme: Colours = None,
    size: Size = "",
    scale: Scale = None,
    reconnect: Reconnect = True,
    read_only: ReadOnly = False,
    token_file: TokenFile = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
    config: Config = None,
    keys_file: KeysFile = None,
    keys: Keys = "",
    shot: ShotFile = None,
    headless: Headless = False,
    patience: Patience = 60.0,
) -> None:
    """Watch a model server, and touch what it thinks."""
    mistakes = _UserError, ConfigError, script.ScriptError, AddressError, CertificateError, TokenError
    with one_sentence("llmri view", *mistakes):
        settings = options.changed(options.load(config), theme=theme, size=size, scale=DENSITIES.get(scale))
        table = bindings.load(keys_file or user_paths.own_keys())
        actions = _actions(keys, table, last_shot=headless and shot is not None)
        credentials = Credentials.of(token_file, tls, tls_ca)
        where = credentials.at(address, "viewer" if read_only else "controller")
        atlas = _atlas(clusters) if clusters else None
        begin = site or (atlas.site if atlas else "")
        application = Application(where, settings, reconnect=reconnect, site=begin, layer=layer, atlas=atlas)
        if headless:
            _show(application, table, actions, shot, headless=True, patience=patience)
        else:
            with _first_hint(application):
                _show(application, table, actions, shot, headless=False, patience=patience)


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
    shot: Path | None,
    *,
    headless: bool,
    patience: float,
) -> None:
    """Open the window, play the script, and show on until it is quit."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "llmri")  # what window managers and xdotool call it
    if headless:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
    from llmri_viewer.app.window import Window, WindowError  # noqa: PLC0415
    from llmri_viewer.scripts.pilot import Pilot, ScriptFailedError  # noqa: PLC0415 - pygame must not load before this

    window = None
    try:
        window = Window(application, table, THEMES[application.options.theme])
        window.shot_file = shot
        application.link.start()
        careful = table.keys_for("edit.boost", "edit.ablate") if headless else ()
        Pilot(window, patience, careful).play(actions)
        if not headless:
            window.run()
    except (WindowError, ScriptFailedError) as fault:
        raise _UserError(str(fault)) from None
    except KeyboardInterrupt:
        return
    finally:
        application.close()
        if window is not None:
            window.close()
    if application.state.connection.link.link is Link.REFUSED or (
        headless and application.state.connection.card is None
    ):
        raise _UserError(application.state.connection.link.sentence)


def _atlas(file: Path) -> Atlas:
    """Return the clusters of a file."""
    from llmri_clustering.files import ClusterFileError, load  # noqa: PLC0415 - slow, and seldom needed

    try:
        return Atlas.of(load(file))
    except ClusterFileError as fault:
        raise _UserError(str(fault)) from None
    except OSError as error:
        raise _UserError(f"cannot read the clusters in {file}: {error.strerror}") from None
