"""The options of `llmri serve`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from llmri_protocol.addresses import TOKEN_VARIABLE
from llmri_server.cli.log import Level


@dataclass(frozen=True, kw_only=True)
class SettingFlags:
    """Each overrides the setting of its name, which says what may be given; None leaves it."""

    model: Annotated[
        str | None,
        typer.Argument(
            help="`pocket` (bundled), a folder with a Hugging Face model, a hub id, or a GGUF file."
        ),
    ] = None
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None
    unix: Annotated[
        str | None, typer.Option(metavar="PATH", help="Listen on a Unix socket there, too: for you alone.")
    ] = None
    device: Annotated[str | None, typer.Option(help="`auto`, `cpu` or `cuda`.")] = None
    dtype: Annotated[str | None, typer.Option(help="`auto`, `float32`, `float16` or `bfloat16`.")] = None
    gpu_layers: Annotated[
        int | None, typer.Option(help="GGUF: how many layers lie on the GPU; -1 is all.")
    ] = None
    threads: Annotated[
        int | None, typer.Option(help="GGUF: processor threads; 0 takes all, or one for a small model.")
    ] = None
    context: Annotated[
        int | None, typer.Option(help="GGUF: longest conversation in tokens; 0 is the file's.")
    ] = None
    flash_attention: Annotated[str | None, typer.Option(help="GGUF: `auto`, `on` or `off`.")] = None
    temperature: Annotated[float | None, typer.Option(help="0 always takes the likeliest token.")] = None
    top_p: Annotated[
        float | None, typer.Option(help="Sample from the likeliest tokens of this probability.")
    ] = None
    top_k: Annotated[
        int | None, typer.Option(help="Sample from so many of the likeliest tokens; 0 is all.")
    ] = None
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same text.")] = None
    max_new_tokens: Annotated[int | None, typer.Option(help="Longest reply, in tokens.")] = None
    system: Annotated[str | None, typer.Option(help="System message in front of every conversation.")] = None
    protect: Annotated[
        str | None,
        typer.Option(
            help="Which units to look for that break the model: `all`, `massive`, `lists` or `none`."
        ),
    ] = None
    allow_protected: Annotated[
        bool | None,
        typer.Option(
            "--allow-protected", help="Let clients ablate protected units by force.", show_default=False
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """All that the command line of `llmri serve` says."""

    flags: SettingFlags = field(default_factory=SettingFlags)
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; flags override it.")] = None
    token_file: Annotated[
        Path | None, typer.Option(help=f"File with the access token; the variable {TOKEN_VARIABLE} does too.")
    ] = None
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM): speak TLS.")] = None
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key (PEM).")] = None
    log_file: Annotated[Path | None, typer.Option(help="Append the log to this file, too.")] = None
    log_level: Annotated[Level, typer.Option(help="From which level on things are logged.")] = "warning"
    exit_at_eof: Annotated[
        bool, typer.Option("--exit-at-eof", help="End when standard input ends, after the queued turns.")
    ] = False
