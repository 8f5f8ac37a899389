"""`llmri compare-runtimes`: the command line."""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from llmri.compare.comparison import Compared, compare, sites_of, tokens_of
from llmri.compare.errors import CompareError
from llmri.compare.table import markdown, tables, write_csv
from llmri.edits import files as edit_files
from llmri.edits.errors import EditsError
from llmri_protocol.command_line import Fitting, Wording, application, one_sentence
from llmri_protocol.configs import ConfigError
from llmri_protocol.user_files import TextError, read_text
from llmri_server.runtimes.common.calibration import MOST_TOKENS, calibration_text

app = application()

WORDINGS: dict[type[Exception], Wording] = {
    UnicodeDecodeError: lambda error: f"the text is not UTF-8: {error}",
    OSError: lambda error: f"{error.filename}: {error.strerror}",
}


@app.command()
def compare_runtimes(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="`pocket`, a folder, a hub id, or a GGUF file.")
    ] = "pocket",
    others: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="GGUF files; by default REFERENCE as F16, Q8_0 and Q4."),
    ] = None,
    *,
    text: Annotated[Path | None, typer.Option(help="Read this text; by default ours.")] = None,
    tokens: Annotated[int, typer.Option(min=1, help="Read at most so many tokens of it.")] = MOST_TOKENS,
    edits: Annotated[Path | None, typer.Option(help="Compare under the edits of this file.")] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write all errors into this CSV file too.")] = None,
) -> None:
    """Show what a runtime, or fewer bits, change about a model's activations, by layer and site."""
    console = Console()
    with one_sentence("llmri compare-runtimes", CompareError, EditsError, ConfigError, worded=WORDINGS):
        results = _compare(reference, others or [], text, tokens, edits)
        if as_markdown:
            sys.stdout.write(markdown(results))
        else:
            for table in tables(results):
                console.print(Fitting(table))
        for compared in results:
            if compared.absent:
                missing = ", ".join(compared.absent)
                Console(stderr=True).print(f"{compared.name}: not compared, as one has it not: {missing}")
        if out is not None:
            write_csv(out, results)


def _compare(
    reference: str, others: list[str], text: Path | None, tokens: int, edits: Path | None
) -> list[Compared]:
    from llmri.compare.opening import open_model, open_others  # noqa: PLC0415  extras, after `--help`

    standing = edit_files.read(edits).edits if edits else ()
    read = _text(text) if text else None
    with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as progress:
        task = progress.add_task("Loading", total=None)
        expected = open_model(reference)
        against = open_others(reference, others, Path(folder))
        ids = tokens_of(expected, against, read or calibration_text(expected.card), tokens)
        progress.update(task, description="Comparing", total=len(sites_of(expected)))
        return compare(expected, against, ids, standing, on_pass=partial(progress.advance, task))


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise CompareError(f"cannot read the text {path}: {error.strerror}") from None
    except TextError as error:
        raise CompareError(f"the text {path} can't be used: {error}") from None
