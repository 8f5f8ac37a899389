"""A clustering in words and tables, for a terminal."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from llmri_clustering.clusters import Cluster, Clustering, Effect, TokenLabel
from llmri_clustering.collecting import plural
from llmri_clustering.evidence import rank_by_selectivity
from llmri_protocol.command_line import Fitting
from llmri_protocol.printable import printable

BEFORE, AFTER = 16, 8  # characters shown around a token


def summary(clustering: Clustering, group: str = "", most: int = 0) -> RenderableType:
    """Describe a clustering: what it stands on, and its clusters.

    Args:
        clustering: It.
        group: Rank the clusters by how surely they fire more in this group of turns; without one, the real
            ones come first, and of those the largest.
        most: How many clusters are told of; 0 is all.
    """
    ranked = rank_by_selectivity(clustering.clusters, group) if group else _by_size(clustering.clusters)
    shown = ranked[:most] if most else ranked
    notes = [Text(line, style=style) for line, style in _lines(clustering)]
    rest = len(ranked) - len(shown)
    more = [Text(f"{plural(rest, 'more cluster')}; --top 0 shows all.", style="dim")] if rest else []
    return Group(*notes, Text(), Fitting(_table(shown, group)), *more)


def groups(clustering: Clustering) -> tuple[str, ...]:
    """Return the groups of turns for which some cluster has an effect, by name."""
    return tuple(sorted({group for cluster in clustering.clusters for group in cluster.selectivity}))


def spans(numbers: Sequence[int]) -> str:
    """Write ascending numbers as `0-3,7`."""
    pieces: list[list[int]] = []
    for number in numbers:
        if pieces and number == pieces[-1][-1] + 1:
            pieces[-1].append(number)
        else:
            pieces.append([number])
    return ",".join(str(piece[0]) if len(piece) == 1 else f"{piece[0]}-{piece[-1]}" for piece in pieces)


def _by_size(clusters: Sequence[Cluster]) -> tuple[Cluster, ...]:
    return tuple(sorted(clusters, key=lambda cluster: (not cluster.real, -cluster.units, cluster.number)))


def _lines(clustering: Clustering) -> Iterator[tuple[str, str]]:
    """Yield what it stands on, line by line, each with its style."""
    made, units = clustering.provenance, clustering.units
    layers = sorted(set(units.layer.tolist()))
    noun = "layer" if len(layers) == 1 else "layers"
    real = sum(cluster.real for cluster in clustering.clusters)
    outside = int((clustering.labels < 0).sum())
    yield f"{made.model}, {units.site}, {noun} {spans(layers)}: {plural(len(units), 'unit')}", "bold"
    yield f"{plural(made.samples, 'sample')} from {plural(made.turns, 'turn')}, {made.created}", ""
    yield f"{made.method} linkage on {made.distance}, {made.measure} correlation, seed {made.seed}", ""
    yield f"{plural(len(clustering.clusters), 'cluster')}, {real} above the null", ""
    yield f"{plural(outside, 'unit')} in no cluster", ""
    yield from ((f"Left out: {words}.", "dim") for words in made.left_out)
    yield from ((f"Warning: {sentence}", "yellow") for sentence in made.warnings)


def _table(clusters: Sequence[Cluster], group: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("cluster", "units", "inside\n(null)", "separation", "stability\n(null)"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column(Text(f"effect in {printable(group)}" if group else "fires more in"))
    table.add_column("fires most on (turn)")
    for cluster in clusters:
        found, null = cluster.evidence, cluster.null
        table.add_row(
            str(cluster.number),
            str(cluster.units),
            f"{found.inside:.2f} ({null.inside:.2f})",
            f"{found.separation:.2f}",
            f"{found.stability:.2f} ({null.stability:.2f})",
            "above null" if cluster.real else "below null",
            Text(_effect(cluster, group)),
            _token(cluster.tokens[0]) if cluster.tokens else "",
            style="" if cluster.real else "dim",
        )
    return table


def _effect(cluster: Cluster, group: str) -> str:
    """Write the effect for a group, or where none is named the surest of those that are above 0."""
    if group:
        return _interval(cluster.selectivity[group])
    above = {name: effect for name, effect in cluster.selectivity.items() if effect.low > 0}
    name = max(above, key=lambda name: above[name].low, default="")
    return f"{printable(name)} {_interval(above[name])}" if name else ""


def _interval(effect: Effect) -> str:
    return f"{effect.size:+.1f} ({effect.low:+.1f} to {effect.high:+.1f})"


def _token(label: TokenLabel) -> Text:
    """Write a token between the text around it, marked for pipes too."""
    return Text.assemble(
        (printable(label.before)[-BEFORE:], "dim"),
        (f"«{printable(label.text)}»", "bold"),
        (printable(label.after)[:AFTER], "dim"),
        f" ({label.turn})",
    )
