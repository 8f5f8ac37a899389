"""The options of `llmri cluster`, and what they ask for."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from llmri.cluster.numbers import groups, numbers
from llmri.cluster.numbers import sizes as sizes_of
from llmri_client.options import WHERE, AccessOptions
from llmri_protocol.addresses import DEFAULT_ADDRESS

if TYPE_CHECKING:
    from llmri_clustering.build import BuildOptions
    from llmri_clustering.clusters import Distance

TURNS = 20  # that are listened to, where nothing is said
SHOWN = 20  # clusters

# The library's own words and defaults, which a test holds against it: to read them from there would ask for
# its extra before `--help`.
Method = Literal["average", "complete", "ward"]
Measure = Literal["pearson", "spearman"]
Spelling = Literal["correlation", "absolute"]
SAMPLES = 4096
DISTANCES: "dict[Spelling, Distance]" = {"correlation": "1 - r", "absolute": "1 - |r|"}


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """All that the command line of `llmri cluster` says."""

    address: Annotated[str | None, typer.Argument(metavar="HOST:PORT", help=WHERE)] = None
    host: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The same as an option.")] = None
    site: Annotated[
        str, typer.Option(help="Site; by default mlp_act, or where that is missing the model's own default.")
    ] = ""
    layers: Annotated[str, typer.Option(help="Layers, such as 0-7 or 3,4; by default all.")] = ""
    turns: Annotated[
        int | None, typer.Option(min=1, help=f"End after so many turns; by default {TURNS}.")
    ] = None
    samples: Annotated[int | None, typer.Option(min=4, help="End after so many samples.")] = None
    prompts: Annotated[
        Path | None,
        typer.Option(help="Say the prompts of this file, one a line; [NAME] begins a group, # a comment."),
    ] = None
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=1-10", help="Name turns, by their order; may be given again."),
    ] = None
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("clusters.llmri")
    previous: Annotated[
        Path | None,
        typer.Option(help="Keep the cluster numbers of this file; by default of the one that is replaced."),
    ] = None
    distance: Annotated[Spelling, typer.Option(help="Between two units: 1 - r, or as absolute 1 - |r|.")] = (
        "correlation"
    )
    method: Annotated[Method, typer.Option(help="How clusters are linked.")] = "average"
    measure: Annotated[Measure, typer.Option(help="Which correlation.")] = "pearson"
    number: Annotated[int | None, typer.Option(min=1, help="Cut into so many clusters.")] = None
    sizes: Annotated[str, typer.Option(help="Cut into clusters of so many units, such as 8-128.")] = ""
    keep: Annotated[
        int, typer.Option(min=4, help="Samples kept for labels, stability and null, chosen by chance.")
    ] = SAMPLES
    keep_first: Annotated[
        bool, typer.Option("--keep-first", help="Let the first token of each sequence count too.")
    ] = False
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0
    rank: Annotated[str, typer.Option(help="Rank the clusters by their effect in this group.")] = ""
    top: Annotated[int, typer.Option(min=0, help="Clusters to show; 0 shows all.")] = SHOWN
    show: Annotated[Path | None, typer.Option(help="Show this file, and do nothing else.")] = None
    source: Annotated[
        Path | None, typer.Option("--from", help="Build from samples that an earlier run could not use.")
    ] = None
    access: AccessOptions = field(default_factory=AccessOptions)

    def __post_init__(self) -> None:
        """Refuse what excludes each other, and what is written wrongly."""
        if self.address and self.host:
            raise typer.BadParameter("HOST:PORT was given twice, as an argument and as --host")
        if self.number is not None and self.sizes:
            raise typer.BadParameter("--number and --sizes are two ways to cut, expected one of them")
        try:
            _ = self.wanted_layers, self.named_turns, self.wanted_sizes
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    @property
    def where(self) -> str:
        """Where the server listens."""
        return self.address or self.host or DEFAULT_ADDRESS

    @property
    def wanted_layers(self) -> tuple[int, ...] | None:
        """Which layers; None is all."""
        return numbers(self.layers) if self.layers else None

    @property
    def named_turns(self) -> dict[str, tuple[int, ...]]:
        """Turns by what they are about, counted from 1."""
        return groups(self.group or ())

    @property
    def wanted_sizes(self) -> tuple[int, int] | None:
        """The least and the greatest size of a cluster, where they are cut by it."""
        return sizes_of(self.sizes) if self.sizes else None

    @property
    def most_turns(self) -> int | None:
        """After how many turns it ends; None is no bound."""
        bounded = self.turns is not None or self.samples is not None or self.prompts is not None
        return self.turns if bounded else TURNS

    def building(self) -> "BuildOptions":
        """Return how the clusters are built."""
        from llmri_clustering.build import BuildOptions  # noqa: PLC0415 - scipy takes a second

        return BuildOptions(
            distance=DISTANCES[self.distance],
            method=self.method,
            measure=self.measure,
            sizes=self.wanted_sizes,
            number=self.number,
            seed=self.seed,
        )
