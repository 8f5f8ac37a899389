"""`llmri view`: the command line of the viewer."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from llmri_protocol.addresses import AddressError
from llmri_protocol.configs import ConfigError
from llmri_viewer import bindings, options, script
from llmri_viewer.atlas import Atlas
from llmri_viewer.link import Address
from llmri_viewer.options import Options, ThemeName
from llmri_viewer.session import Session
from llmri_viewer.state import Link
from llmri_viewer.theme import THEMES
from llmri_viewer.tls import CertificateError, trusting

TOKEN_VARIABLE = "LLMRI_TOKEN"  # noqa: S105 - the variable's name, not a token

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class _UserError(Exception):
    """A user's mistake or a refusal, in one sentence."""


@app.command()
def view(
    address: Annotated[
        str, typer.Argument(metavar="HOST:PORT", help="where the server listens")
    ] = "127.0.0.1:9999",
    *,
    site: Annotated[str, typer.Option(help="begin at this site, such as mlp_act")] = "",
    layer: Annotated[int | None, typer.Option(min=0, help="begin at this layer")] = None,
    clusters: Annotated[
        Path | None, typer.Option(help="file of clusters that `llmri cluster` wrote, for O and H")
    ] = None,
    theme: Annotated[ThemeName | None, typer.Option(help="colours of the window")] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="size of the window in pixels")] = "",
    reconnect: Annotated[
        bool, typer.Option("--reconnect/--no-reconnect", help="connect again when the server comes back")
    ] = True,
    read_only: Annotated[bool, typer.Option("--read-only", help="look only: no chat, no edits")] = False,
    token_file: Annotated[
        Path | None, typer.Option(help=f"file with the server's access token; or set {TOKEN_VARIABLE}")
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="speak TLS; the system's authorities vouch for the server")
    ] = False,
    tls_ca: Annotated[
        Path | None, typer.Option(help="speak TLS, and trust this certificate (PEM) and no other")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="settings in place of the bundled viewer.toml")] = None,
    keys_file: Annotated[
        Path | None, typer.Option(help="keys in place of those in the bundled keys.toml")
    ] = None,
    keys: Annotated[str, typer.Option(help='play a script: "wait:connected down b wait:edits shot"')] = "",
    shot: Annotated[Path | None, typer.Option(help="where screenshots go (PNG)")] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="without a screen: play --keys, save --shot, end")
    ] = False,
    patience: Annotated[float, typer.Option(min=0.1, help="longest wait of a script, in seconds")] = 60.0,
) -> None:
    """Watch a model server, and touch what it thinks."""
    try:
        settings = _settings(config, theme, size)
        table = bindings.load(keys_file)
        actions = script.parse(keys, table)
        secure = trusting(tls_ca) if tls or tls_ca else None
        where = Address.parse(address, "viewer" if read_only else "controller", _token(token_file), secure)
        if shot is not None and not any(isinstance(action, script.Shot) for action in actions) and headless:
            actions.append(script.Shot())
        atlas = _atlas(clusters) if clusters else None
        begin = site or (atlas.site if atlas else "")
        session = Session(where, settings, reconnect=reconnect, site=begin, layer=layer, atlas=atlas)
        _show(session, table, actions, shot, headless=headless, patience=patience)
    except (_UserError, ConfigError, script.ScriptError, AddressError, CertificateError) as fault:
        _fail(str(fault))


def _show(
    session: Session,
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
    from llmri_viewer.pilot import Pilot, ScriptFailedError  # noqa: PLC0415 - pygame must not load before this
    from llmri_viewer.window import Window, WindowError  # noqa: PLC0415

    window = None
    try:
        window = Window(session, table, THEMES[session.options.theme])
        window.shot_file = shot
        session.link.start()
        Pilot(window, patience).play(actions)
        if not headless:
            window.run()
    except (WindowError, ScriptFailedError) as fault:
        raise _UserError(str(fault)) from None
    except KeyboardInterrupt:
        return
    finally:
        session.link.stop()
        if window is not None:
            window.close()
    if session.state.link.link is Link.REFUSED:
        raise _UserError(session.state.link.sentence)


def _settings(config: Path | None, theme: ThemeName | None, size: str) -> Options:
    """Give the settings of the file, with what the command line says over them."""
    return options.changed(options.load(config), theme=theme, size=size)


def _atlas(file: Path) -> Atlas:
    """Give the clusters of a file."""
    from llmri_clustering.files import ClusterFileError, load  # noqa: PLC0415 - slow, and seldom needed

    try:
        return Atlas.of(load(file))
    except ClusterFileError as fault:
        raise _UserError(str(fault)) from None
    except OSError as error:
        raise _UserError(f"cannot read the clusters in {file}: {error.strerror}") from None


def _token(file: Path | None) -> str | None:
    """Give the access token of a file or of the environment."""
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _UserError(f"cannot read the access token in {file}: {error.strerror}") from None


def _fail(sentence: str) -> NoReturn:
    sys.stderr.write(f"llmri view: {sentence}\n")
    raise typer.Exit(1)
