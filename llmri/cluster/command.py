"""`llmri cluster`: the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from llmri.cluster.errors import ClusterError
from llmri.cluster.numbers import groups, numbers
from llmri.cluster.numbers import sizes as sizes_of
from llmri.cluster.prompts import read
from llmri_client.options import Credentials, Tls, TlsCa, TokenError, TokenFile
from llmri_client.reaching import UnreachableError
from llmri_client.tls import CertificateError
from llmri_protocol.addresses import DEFAULT_ADDRESS
from llmri_protocol.command_line import application, one_sentence

if TYPE_CHECKING:
    from llmri_clustering.clusters import Distance

app = application()

TURNS = 20  # that are listened to, where nothing is said
SHOWN = 20  # clusters


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
    token_file: TokenFile = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
) -> None:
    """Find the units that fire together: collect from a running server, and write one file.

    It listens while others talk to the model, or says the prompts of a file. All samples count in the
    correlations. For labels, stability and null at most --keep of them are kept in memory.
    """
    from llmri.cluster import destination, work  # noqa: PLC0415 - scipy takes a second, and may be missing
    from llmri.cluster.gathering import CollectingPlan  # noqa: PLC0415
    from llmri.cluster.listening import Goal  # noqa: PLC0415
    from llmri_clustering.build import BuildOptions  # noqa: PLC0415

    if address and host:
        raise typer.BadParameter("HOST:PORT was given twice, as an argument and as --host")
    if number is not None and sizes:
        raise typer.BadParameter("--number and --sizes are two ways to cut, expected one of them")
    with one_sentence(
        "llmri cluster",
        *(ClusterError, UnreachableError, TokenError, CertificateError),
        worded={MemoryError: lambda error: f"there is not enough memory: {error}"},
    ):
        if show is not None:
            work.show(destination.opened(show), rank, top)
            return
        said = read(prompts) if prompts else ()
        plan = CollectingPlan(
            address=address or host or DEFAULT_ADDRESS,
            credentials=Credentials.of(token_file, tls, tls_ca),
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
