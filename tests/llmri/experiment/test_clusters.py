from pathlib import Path

import pytest

from llmri.experiment import clusters
from llmri.experiment.clusters import leading, with_clusters
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import LayerUnits, ListedUnits
from tests.benchmarks.test_skills import clustering
from tests.server.experiments.plans import plan_of

NUMBERS = "numbers"


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for a cluster file: clusters of 4, 3, 2 and 1 of 12 units in 3 layers of model `m`."""
    monkeypatch.setattr(clusters, "load", lambda _path: clustering())


def listed(**units: object) -> tuple[LayerUnits, ...]:
    found = with_clusters(plan_of(model="m", units={"by": "clusters", "file": "x", **units}), Path()).units
    assert isinstance(found, ListedUnits)
    assert found.site == "mlp_act"
    return found.places


def test_clusters_by_number_give_their_units() -> None:
    assert listed(numbers=[1, 2]) == (
        LayerUnits(layer=1, units=(0, 1, 2, 3)),
        LayerUnits(layer=2, units=(0,)),
    )


def test_clusters_by_group_are_the_surest_that_fit() -> None:
    assert listed(group=NUMBERS, count=3) == (LayerUnits(layer=1, units=(0, 1, 2)),)
    assert listed(group=NUMBERS, share=0.25) == (LayerUnits(layer=1, units=(0, 1, 2)),)


def test_a_cluster_that_is_too_large_is_passed_over_and_an_unsure_one_left_out() -> None:
    known = clustering().clusters
    assert [cluster.number for cluster in leading(known, NUMBERS, 5)] == [1, 2]
    assert [cluster.number for cluster in leading(known, NUMBERS, 12)] == [1, 0, 2]
    assert [cluster.number for cluster in leading(known, NUMBERS, 7)] == [1, 0]
    assert leading(known, NUMBERS, 0) == ()


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"numbers": [7]}, "there is no cluster 7"),
        ({"group": "poems", "count": 3}, "the file's groups are numbers"),
        ({"group": NUMBERS, "count": 1}, "no cluster of at most 1 units"),
    ],
)
def test_clusters_that_are_not_there_are_told(units: dict[str, object], said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        listed(**units)


def test_clusters_of_another_model_are_refused() -> None:
    with pytest.raises(ExperimentError, match="is about `m`, but the experiment's model is `pocket`"):
        with_clusters(plan_of(units={"by": "clusters", "file": "x", "numbers": [1]}), Path())


def test_a_missing_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    with pytest.raises(ExperimentError, match=r"units\.file"):
        with_clusters(plan_of(units={"by": "clusters", "file": "none", "numbers": [1]}), tmp_path)
