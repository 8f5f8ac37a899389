"""`llmri serve`: from the command line to a running server, and to its end."""

import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from llmri_protocol.addresses import TOKEN_VARIABLE
from llmri_protocol.command_line import FAILED, application, one_sentence
from llmri_protocol.configs import ConfigError
from llmri_protocol.printable import for_terminal
from llmri_server.cli.card_summary import protection_summary, summary
from llmri_server.cli.console import converse, say_aside
from llmri_server.cli.interrupts import Interrupts
from llmri_server.cli.log import Level, to_file, to_standard_error
from llmri_server.cli.streams import harden
from llmri_server.network.access import ServeError, access_token, bind, tls_context
from llmri_server.protection.starting import begin
from llmri_server.runtime import LoadError
from llmri_server.runtimes.common.loading import told
from llmri_server.runtimes.registry import load_runtime, model_files
from llmri_server.server import Server
from llmri_server.settings import Settings, read

LONGEST_END = 5.0  # seconds that saying goodbye may take, whatever a thread or a reader of our output does

log = logging.getLogger(__name__)

app = application()

Model = Annotated[
    str | None,
    typer.Argument(help="`pocket` (bundled), a folder with a Hugging Face model, a hub id, or a GGUF file."),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]
Device = Annotated[str | None, typer.Option(help="`auto`, `cpu` or `cuda`.")]
Dtype = Annotated[str | None, typer.Option(help="`auto`, `float32`, `float16` or `bfloat16`.")]
GpuLayers = Annotated[int | None, typer.Option(help="GGUF: how many layers lie on the GPU; -1 is all.")]
Threads = Annotated[
    int | None, typer.Option(help="GGUF: processor threads; 0 takes all, or one for a small model.")
]
Context = Annotated[int | None, typer.Option(help="GGUF: longest conversation in tokens; 0 is the file's.")]
FlashAttention = Annotated[str | None, typer.Option(help="GGUF: `auto`, `on` or `off`.")]
Temperature = Annotated[float | None, typer.Option(help="0 always takes the likeliest token.")]
TopP = Annotated[float | None, typer.Option(help="Sample from the likeliest tokens of this probability.")]
TopK = Annotated[int | None, typer.Option(help="Sample from so many of the likeliest tokens; 0 is all.")]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same text.")]
MaxNewTokens = Annotated[int | None, typer.Option(help="Longest reply, in tokens.")]
System = Annotated[str | None, typer.Option(help="System message in front of every conversation.")]
Protect = Annotated[
    str | None,
    typer.Option(help="Which units to look for that break the model: `all`, `massive`, `lists` or `none`."),
]
AllowProtected = Annotated[
    bool | None,
    typer.Option(
        "--allow-protected", help="Let clients ablate protected units by force.", show_default=False
    ),
]
Config = Annotated[Path | None, typer.Option(help="TOML file with settings; flags override it.")]
TokenFile = Annotated[
    Path | None, typer.Option(help=f"File with the access token; the variable {TOKEN_VARIABLE} does too.")
]
TlsCert = Annotated[Path | None, typer.Option(help="Certificate chain (PEM): speak TLS.")]
TlsKey = Annotated[Path | None, typer.Option(help="The certificate's key (PEM).")]
LogFile = Annotated[Path | None, typer.Option(help="Append the log to this file, too.")]
LogLevel = Annotated[Level, typer.Option(help="From which level on things are logged.")]
ExitAtEof = Annotated[
    bool, typer.Option("--exit-at-eof", help="End when standard input ends, after the queued turns.")
]


@app.command()
def serve(
    *,
    model: Model = None,
    host: Host = None,
    port: Port = None,
    device: Device = None,
    dtype: Dtype = None,
    gpu_layers: GpuLayers = None,
    threads: Threads = None,
    context: Context = None,
    flash_attention: FlashAttention = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    top_k: TopK = None,
    seed: Seed = None,
    max_new_tokens: MaxNewTokens = None,
    system: System = None,
    protect: Protect = None,
    allow_protected: AllowProtected = None,
    config: Config = None,
    token_file: TokenFile = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    log_file: LogFile = None,
    log_level: LogLevel = "warning",
    exit_at_eof: ExitAtEof = False,
) -> None:
    """Serve a language model to viewers, and chat with it.

    Ready is announced on standard output by the line `LLMRI listening on HOST:PORT`.
    """
    harden()
    to_standard_error(log_level)
    interrupts = Interrupts()
    with interrupts.installed():
        with one_sentence("llmri serve", ConfigError, ServeError, LoadError):
            if log_file is not None:
                to_file(log_file)
            settings = read(
                config,
                model=model,
                host=host,
                port=port,
                device=device,
                dtype=dtype,
                gpu_layers=gpu_layers,
                threads=threads,
                context=context,
                flash_attention=flash_attention,
                temperature=temperature,
                top_p=top_p,
                top_k=top_k,
                seed=seed,
                max_new_tokens=max_new_tokens,
                system=system,
                protect=protect,
                allow_protected=allow_protected,
            )
            server = prepare(settings, token_file, tls_cert, tls_key)
            interrupts.stage = "serving"
            server.start()
        run(server, exit_at_eof, interrupts)


def prepare(
    settings: Settings, token_file: Path | None, tls_cert: Path | None, tls_key: Path | None
) -> Server:
    """Return a server that is ready to start; what is cheap to find wrong is found before the model loads.

    Raises:
        ServeError: The address, the token or the certificate can't be used.
        LoadError: The model can't.
        ConfigError: The bundled lists or the calibration text can't.
    """
    token = access_token(token_file)
    tls = tls_context(tls_cert, tls_key)
    place = bind(settings.host, settings.port, token)
    with told(settings.model):
        runtime = load_runtime(settings)
    say_aside(summary(runtime.card))
    search = begin(runtime, settings, model_files(settings.model))
    say_aside(protection_summary(runtime.card, settings, search))
    return Server(runtime, settings, token=token, tls=tls, place=place, search=search, log=say_aside)


def run(server: Server, exit_at_eof: bool, interrupts: Interrupts) -> NoReturn:
    """Serve until something ends it, say goodbye, and leave; the status is 1 where the server failed.

    The interpreter isn't taken down: a thread may read standard input, another be deep in a forward
    pass, and neither can be broken off.
    """
    status = FAILED
    try:
        converse(server, exit_at_eof, interrupts)
        status = 0 if server.failure is None else FAILED
    except BaseException:
        log.exception("the server's main thread ended by an error")
    finally:
        interrupts.stage = "ending"
        end_after(LONGEST_END, status)
        try:
            server.close()
            if server.failure is not None:
                print(for_terminal(f"llmri serve: {server.failure}"), file=sys.stderr)  # noqa: T201
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        finally:
            os._exit(status)


def end_after(seconds: float, status: int) -> None:
    """End the process after so many seconds, whatever its other threads wait for."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(status)

    threading.Thread(target=end, name="llmri-end", daemon=True).start()
