"""`llmri cluster`: the command line."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from llmri.cluster.errors import ClusterError
from llmri.cluster.numbers import groups, numbers
from llmri.cluster.numbers import sizes as sizes_of
from llmri.cluster.prompts import read
from llmri.cluster.server import access_token
from llmri_protocol.command_line import application
from llmri_protocol.printable import for_terminal
from llmri_viewer.connection.tls import CertificateError, trusting

if TYPE_CHECKING:
    from llmri_clustering.clusters import Distance

app = application()

ADDRESS = "127.0.0.1:9999"
TURNS = 20  # that are listened to, where nothing is said
SHOWN = 20  # clusters
INTERRUPTED = 130  # the exit status of what Ctrl-C ended: 128 and the signal's number


# The library's own words; to read them from there would ask for its extra before `--help`.
Method = Literal["average", "complete", "ward"]
Measure = Literal["pearson", "spearman"]
Spelling = Literal["correlation", "absolute"]
DISTANCES: "dict[Spelling, Distance]" = {"correlation": "1 - r", "absolute": "1 - |r|"}


@app.command()
def cluster(
    address: Annotated[
        str | None, typer.Argument(metavar="HOST:PORT", help="Where the server listens.")
    ] = None,
    *,
    host: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The same as an option.")] = None,
    site: Annotated[
        str, typer.Option(help="Site; by default mlp_act, or where that is missing the model's own default.")
    ] = "",
    layers: Annotated[str, typer.Option(help="Layers, such as 0-7 or 3,4; by default all.")] = "",
    turns: Annotated[
        int | None, typer.Option(min=1, help=f"End after so many turns; by default {TURNS}.")
    ] = None,
    samples: Annotated[int | None, typer.Option(min=4, help="End after so many samples.")] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Say the prompts of this file, one a line; [NAME] begins a group, # a comment."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=1-10", help="Name turns, by their order; may be given again."),
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("clusters.llmri"),
    previous: Annotated[
        Path | None,
        typer.Option(help="Keep the cluster numbers of this file; by default of the one that is replaced."),
    ] = None,
    distance: Annotated[
        Spelling, typer.Option(help="Between two units: 1 - r, or as absolute 1 - |r|.")
    ] = "correlation",
    method: Annotated[Method, typer.Option(help="How clusters are linked.")] = "average",
    measure: Annotated[Measure, typer.Option(help="Which correlation.")] = "pearson",
    number: Annotated[int | None, typer.Option(min=1, help="Cut into so many clusters.")] = None,
    sizes: Annotated[str, typer.Option(help="Cut into clusters of so many units, such as 8-128.")] = "",
    keep: Annotated[
        int, typer.Option(min=4, help="Samples kept for labels, stability and null, chosen by chance.")
    ] = 4096,
    keep_first: Annotated[
        bool, typer.Option("--keep-first", help="Let the first token of each sequence count too.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    rank: Annotated[str, typer.Option(help="Rank the clusters by their effect in this group.")] = "",
    top: Annotated[int, typer.Option(min=0, help="Clusters to show; 0 shows all.")] = SHOWN,
    show: Annotated[Path | None, typer.Option(help="Show this file, and do nothing else.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Build from samples that an earlier run could not use.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the server's access token; or set LLMRI_TOKEN.")
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Speak TLS; the system's authorities vouch for the server.")
    ] = False,
    tls_ca: Annotated[
        Path | None, typer.Option(help="Speak TLS, and trust this certificate (PEM) and no other.")
    ] = None,
) -> None:
    """Find the units that fire together: collect from a running server, and write one file.

    It listens while others talk to the model, or says the prompts of a file. All samples count in the
    correlations. For labels, stability and null at most --keep of them are kept in memory.
    """
    from llmri.cluster import destination, work  # noqa: PLC0415 - scipy takes a second, and may be missing
    from llmri.cluster.gathering import Plan  # noqa: PLC0415
    from llmri.cluster.listening import Goal  # noqa: PLC0415
    from llmri_clustering.build import BuildOptions  # noqa: PLC0415

    if address and host:
        raise typer.BadParameter("HOST:PORT was given twice, as an argument and as --host")
    if number is not None and sizes:
        raise typer.BadParameter("--number and --sizes are two ways to cut, expected one of them")
    with _one_sentence():
        if show is not None:
            work.show(destination.opened(show), rank, top)
            return
        said = read(prompts) if prompts else ()
        plan = Plan(
            address=address or host or ADDRESS,
            token=access_token(token_file),
            tls=trusting(tls_ca) if tls or tls_ca else None,
            site=site,
            layers=_parsed(numbers, layers) if layers else None,
            prompts=said,
            goal=Goal(TURNS if turns is samples is None and not said else turns, samples),
            groups=_parsed(groups, group or ()),
            keep=keep,
            first_tokens=keep_first,
            seed=seed,
        )
        options = BuildOptions(
            distance=DISTANCES[distance],
            method=method,
            measure=measure,
            sizes=_parsed(sizes_of, sizes) if sizes else None,
            number=number,
            seed=seed,
        )
        work.make(source or plan, options, out=out, previous=previous, rank=rank, top=top)


Written = TypeVar("Written")
T = TypeVar("T")


def _parsed(parse: Callable[[Written], T], written: Written) -> T:
    """Parse what an option says; where it can't be, that is wrong usage."""
    try:
        return parse(written)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def _one_sentence() -> Iterator[None]:
    """End the program with a sentence for what a user can mend, and silently on Ctrl-C."""
    try:
        yield
    except (ClusterError, CertificateError) as error:
        sys.stderr.write(f"llmri cluster: {for_terminal(str(error))}\n")
        raise typer.Exit(1) from None
    except MemoryError as error:
        sys.stderr.write(f"llmri cluster: there is not enough memory: {error}\n")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
