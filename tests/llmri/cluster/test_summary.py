"""What a terminal shows of a clustering."""

from dataclasses import replace

import pytest
from rich.console import Console

from llmri.cluster.collection import Collected
from llmri.cluster.summary import groups, spans, summary
from llmri_clustering.build import BuildOptions, build
from llmri_clustering.clusters import Clustering


@pytest.fixture(scope="module")
def clustering(heard: Collected) -> Clustering:
    return build(
        heard.samples,
        heard.units,
        model="model [red]",
        created="2026-01-01T00:00:00+00:00",
        options=BuildOptions(sizes=(2, 12), resamples=2, nulls=1),
        correlation=heard.correlation,
        left_out=heard.left_out,
    )


def shown(clustering: Clustering, group: str = "", most: int = 20) -> str:
    console = Console(width=150)
    with console.capture() as captured:
        console.print(summary(clustering, group, most))
    return captured.get()


def test_it_says_what_it_stands_on(clustering: Clustering) -> None:
    text = shown(clustering)
    assert "model [red], mlp_act, layers 1,3: 40 units" in text
    assert "264 samples from 24 turns" in text
    assert "average linkage on 1 - r, pearson correlation, seed 0" in text
    assert "Left out: the first token of each sequence: 24 scans." in text
    assert "4 clusters, 4 above the null" in text


def test_every_cluster_has_a_row_and_the_selective_one_its_group(clustering: Clustering) -> None:
    rows = [line for line in shown(clustering).splitlines() if " above null " in line]
    assert len(rows) == len(clustering.clusters)
    sums = clustering.labels[0]
    row = next(line for line in rows if line.split()[0] == str(sums))
    assert "sums +" in row


def test_a_group_ranks_the_clusters(clustering: Clustering) -> None:
    assert groups(clustering) == ("sums", "tales")
    text = shown(clustering, "sums")
    rows = [line for line in text.splitlines() if " above null " in line]
    assert "effect in sums" in text
    assert rows[0].split()[0] == str(clustering.labels[0])
    assert shown(clustering, "tales").splitlines()[-1].strip() != rows[-1].strip()


def test_a_cluster_below_its_null_is_shown_as_such_and_comes_last(clustering: Clustering) -> None:
    first, *others = clustering.clusters
    text = shown(replace(clustering, clusters=(replace(first, real=False), *others)))
    rows = [line for line in text.splitlines() if " above null " in line or " below null " in line]
    assert "below null" in rows[-1]
    assert rows[-1].split()[0] == str(first.number)


def test_of_many_clusters_the_first_are_shown_and_the_rest_counted(clustering: Clustering) -> None:
    assert "3 more clusters; --top 0 shows all." in shown(clustering, most=1)
    assert "more cluster" not in shown(clustering, most=0)


def test_what_a_model_says_reaches_no_terminal_as_a_control_character(clustering: Clustering) -> None:
    assert "\x1b" not in shown(clustering)
    assert "\\x1b" in shown(clustering)


@pytest.mark.parametrize(("numbers", "text"), [((0,), "0"), ((0, 1, 2), "0-2"), ((0, 2, 3), "0,2-3")])
def test_layers_are_written_as_they_are_named(numbers: tuple[int, ...], text: str) -> None:
    assert spans(numbers) == text
