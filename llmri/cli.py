"""The `llmri` command: hands over to the side that a subcommand belongs to, and loads only that one."""

import importlib
import sys
from dataclasses import dataclass
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from llmri_protocol.command_line import application, end_with
from llmri_protocol.extras import how_to_install


@dataclass(frozen=True)
class Side:
    """A subcommand that lives in a package of its own.

    `module` has `app`, a typer application; `needs` are the packages of its extra.
    """

    module: str
    extra: str
    needs: frozenset[str]


SERVER_NEEDS = frozenset({"torch", "transformers", "tokenizers", "safetensors", "jinja2"})
CLUSTERING_NEEDS = frozenset({"fastcluster", "safetensors", "scipy", "sklearn"})
GGUF_NEEDS = frozenset({"llama_cpp", "gguf", "jinja2"})
VIEWER_NEEDS = frozenset({"pygame", "cmap", "matplotlib", "scipy", "sklearn"})
SIDES = {
    "serve": Side(
        "llmri_server.cli.command",
        "server",
        SERVER_NEEDS,
    ),
    "view": Side(
        "llmri_viewer.command",
        "viewer",
        VIEWER_NEEDS,
    ),
    "cluster": Side("llmri.cluster.command", "clustering", CLUSTERING_NEEDS),
    "capture": Side("llmri.capture.command", "gguf", GGUF_NEEDS),
    "compare-runtimes": Side("llmri.compare.command", "server,gguf", SERVER_NEEDS | GGUF_NEEDS),
    "weights": Side("llmri.weights.command", "", frozenset()),
    "edits": Side("llmri.edits.command", "", frozenset()),
    "record": Side("llmri.sessions.record_command", "", frozenset()),
    "session": Side("llmri.sessions.session_command", "", frozenset()),
    "experiment": Side(
        "llmri.experiment.command", "server,viewer", SERVER_NEEDS | VIEWER_NEEDS | CLUSTERING_NEEDS
    ),
    "demo": Side("llmri.demo.command", "server,viewer", SERVER_NEEDS | VIEWER_NEEDS),
}

# The side's own command reads the options, so that `--help` and unknown ones are its business too.
HANDED_OVER = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = application(
    "An MRI for language models: watch one think, token by token, and touch it while it does.", commands=True
)


@app.command(context_settings=HANDED_OVER, options_metavar="[MODEL] [OPTIONS]")
def serve(context: typer.Context) -> None:
    """Serve a language model to viewers, and chat with it."""
    hand_over("serve", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="[HOST:PORT] [OPTIONS]")
def view(context: typer.Context) -> None:
    """Watch a served model think, and touch it."""
    hand_over("view", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="[HOST:PORT] [OPTIONS]")
def cluster(context: typer.Context) -> None:
    """Find the units that fire together, from what a served model thinks."""
    hand_over("cluster", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="[MODEL] [OPTIONS]")
def capture(context: typer.Context) -> None:
    """Record every tensor that a GGUF model computes while it answers, without a viewer."""
    hand_over("capture", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="[REFERENCE] [FILE]... [OPTIONS]")
def compare_runtimes(context: typer.Context) -> None:
    """Show what a runtime, or fewer bits, change about a model's activations."""
    hand_over("compare-runtimes", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="[MODEL] [OPTIONS]")
def weights(context: typer.Context) -> None:
    """Show what a checkpoint holds, and what two of them have in common."""
    hand_over("weights", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="save|load|show|export [OPTIONS]")
def edits(context: typer.Context) -> None:
    """Keep the edits of a served model in files, and bring them back."""
    hand_over("edits", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="[HOST:PORT] FILE [OPTIONS]")
def record(context: typer.Context) -> None:
    """Keep what a served model thinks in a file, byte for byte."""
    hand_over("record", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="info|check|repair FILE [OPTIONS]")
def session(context: typer.Context) -> None:
    """Look into a recorded session, check it, and save what a damaged one holds."""
    hand_over("session", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="FILE [OPTIONS]")
def experiment(context: typer.Context) -> None:
    """Run an experiment from a file: edits against controls, with confidence intervals."""
    hand_over("experiment", context.args)


@app.command(context_settings=HANDED_OVER, options_metavar="[OPTIONS]")
def demo(context: typer.Context) -> None:
    """Watch the bundled model lose a skill: a conversation, an ablation, pictures and a table."""
    hand_over("demo", context.args)


def hand_over(name: str, arguments: list[str]) -> None:
    """Run the subcommand `name`, and end the program.

    Where a package of its extra is missing, that is said in one sentence, and the exit status is 1.
    """
    side = SIDES[name]
    try:
        importlib.import_module(side.module).app(args=arguments, prog_name=f"llmri {name}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in side.needs:
            raise
        plural = "extras" if "," in side.extra else "extra"
        end_with(f"llmri {name} needs the {side.extra} {plural}: {how_to_install(side.extra)}")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"llmri {version('llmri')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Options of `llmri` itself."""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):  # a path may hold what the terminal has no character for
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="llmri")
