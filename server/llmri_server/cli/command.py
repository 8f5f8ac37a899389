"""`llmri serve`: from the command line to a running server, and to its end."""

import logging
import os
import sys
import threading
import time
from dataclasses import asdict
from typing import NoReturn

from llmri_protocol.command_line import FAILED, application, from_options, one_sentence
from llmri_protocol.configs import ConfigError
from llmri_protocol.printable import for_terminal
from llmri_server.cli.card_summary import protection_summary, summary
from llmri_server.cli.console import converse, say_aside
from llmri_server.cli.interrupts import Interrupts
from llmri_server.cli.log import to_file, to_standard_error
from llmri_server.cli.options import ServeOptions
from llmri_server.cli.streams import harden
from llmri_server.network.access import ServeError, access_token, tls_context
from llmri_server.protection.starting import begin
from llmri_server.runtime import LoadError
from llmri_server.runtimes.common.loading import told
from llmri_server.runtimes.registry import load_runtime, model_files
from llmri_server.server import Server, listeners_of
from llmri_server.settings import read

LONGEST_END = 5.0  # seconds that saying goodbye may take, whatever a thread or a reader of our output does

log = logging.getLogger(__name__)

app = application()


@app.command()
@from_options
def serve(options: ServeOptions) -> None:
    """Serve a language model to viewers, and chat with it.

    Ready is announced on standard output by the line `LLMRI listening on HOST:PORT`.
    """
    harden()
    to_standard_error(options.log_level)
    interrupts = Interrupts()
    with interrupts.installed():
        with one_sentence("llmri serve", ConfigError, ServeError, LoadError):
            if options.log_file is not None:
                to_file(options.log_file)
            server = prepare(options)
            interrupts.stage = "serving"
            server.start()
        run(server, options.exit_at_eof, interrupts)


def prepare(options: ServeOptions) -> Server:
    """Return a server that is ready to start; what is cheap to find wrong is found before the model loads.

    Raises:
        ServeError: The address, the token or the certificate can't be used.
        LoadError: The model can't.
        ConfigError: A setting, the bundled lists or the calibration text can't.
    """
    settings = read(options.config, **asdict(options.flags))
    token = access_token(options.token_file)
    tls = tls_context(options.tls_cert, options.tls_key)
    listeners = listeners_of(settings, token, tls)
    with told(settings.model):
        runtime = load_runtime(settings)
    say_aside(summary(runtime.card))
    search = begin(runtime, settings, model_files(settings.model))
    say_aside(protection_summary(runtime.card, settings, search))
    return Server(runtime, settings, token=token, listeners=listeners, search=search, log=say_aside)


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
