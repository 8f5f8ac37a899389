"""Write a Hugging Face folder as GGUF: `python -m llmri_server.gguf_export FOLDER FILE --precision q8_0`."""

from pathlib import Path
from typing import Annotated

import typer

from llmri_protocol.command_line import application, one_sentence
from llmri_server.gguf_export import PRECISIONS, ExportError, export_gguf

app = application()


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="What `save_pretrained` wrote.")],
    destination: Annotated[Path, typer.Argument(metavar="FILE", help="The GGUF file to write.")],
    precision: Annotated[str, typer.Option(help=", ".join(PRECISIONS))] = "f16",
    name: Annotated[str | None, typer.Option(help="The model's name in the file.")] = None,
) -> None:
    """Write a model of a Hugging Face folder as a GGUF file."""
    if precision not in PRECISIONS:
        raise typer.BadParameter(f"there is no precision `{precision}`; choose {', '.join(PRECISIONS)}")
    with one_sentence("gguf-export", ExportError):
        export_gguf(folder, destination, precision, name=name)


if __name__ == "__main__":
    app()
