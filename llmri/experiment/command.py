"""`llmri experiment`: the command line."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from llmri_protocol.command_line import FAILED, INTERRUPTED, application, one_sentence

app = application()


@app.command()
def experiment(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE.toml", help="An experiment, or the name of a bundled one.")
    ] = None,
    *,
    model: Annotated[
        str | None, typer.Option(help="Test this one, as `llmri serve` takes it; by default the file's.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for what it finds; by default experiment-out/NAME.")
    ] = None,
    again: Annotated[
        Path | None, typer.Option(metavar="RESULTS.json", help="Run this one again; are all figures equal?")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the bundled experiments.")] = False,
) -> None:
    """Test what units are for: edit them and random ones, ask, and tell the difference with its doubt."""
    from llmri.experiment.shipped import located, shipped  # noqa: PLC0415 - its packages may be missing

    console = Console()
    if sum((file is not None, again is not None, listed)) != 1:
        raise typer.BadParameter("expected one of FILE.toml, --again RESULTS.json and --list")
    if model is not None and file is None:
        raise typer.BadParameter("--model goes with FILE.toml: what is run again names its own")
    with _one_sentence():
        if file is not None:
            located(file)
        from llmri.experiment.plans import planned  # noqa: PLC0415 - its packages too

        if listed:
            for name in shipped():
                console.print(f"[bold]{name}[/bold]  {planned(name).about}", highlight=False)
            return
        from llmri.experiment import conduct  # noqa: PLC0415 - matplotlib takes a second

        if again is not None:
            raise typer.Exit(0 if conduct.again(again, console) else FAILED)
        results = conduct.run(planned(file or "", model), console)
        conduct.report(results, out or Path("experiment-out") / Path(file or "").stem, console)
        if not results.finished:
            raise typer.Exit(INTERRUPTED if results.ended == conduct.BY_CTRL_C else FAILED)


def _one_sentence() -> AbstractContextManager[None]:
    """End the program with a sentence for what a user can mend, and silently on Ctrl-C."""
    from llmri_server.experiments.errors import ExperimentError  # noqa: PLC0415
    from llmri_server.runtime import EditError, LoadError, NonFiniteError, PromptError  # noqa: PLC0415

    mistakes = ExperimentError, EditError, LoadError, NonFiniteError, PromptError, OSError
    return one_sentence("llmri experiment", *mistakes)
