"""An atlas finds units by place and by index, and knows the models it cannot be of."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from llmri_protocol.messages import ModelCard
from llmri_viewer.model.clusters.atlas import Atlas, chosen, chosen_clusters
from llmri_viewer.model.history.store import ScanRows
from llmri_viewer.model.unit_selection import AtlasUnits
from tests.viewer import clusters
from tests.viewer.synthetic import SyntheticServer


@pytest.fixture
def card(server: SyntheticServer) -> ModelCard:
    return server.card


def test_places_and_indices_are_two_names_of_one_unit(atlas: Atlas) -> None:
    for index in (0, 511, 512, 4095):
        assert atlas.index(*atlas.place(index)) == index
    assert atlas.place(512) == (1, 0)
    assert atlas.index(8, 0) is None
    assert atlas.index(0, 512) is None


def test_groups_inside_a_cluster_belong_to_it(atlas: Atlas) -> None:
    parent, own = atlas.clustering.nesting.parent, atlas.clustering.group_cluster
    for group in np.flatnonzero(own < 0)[1:]:
        expected = -1 if parent[group] == 0 else own[parent[group]]
        assert atlas.group_cluster[group] == expected
    assert set(atlas.cluster_group) == {cluster.number for cluster in atlas.clustering.clusters}


def test_constant_units_have_no_circle(atlas: Atlas) -> None:
    assert (~atlas.drawn).sum() == 96
    assert not (atlas.drawn & ~atlas.clustering.active).any()


def test_a_selection_is_read_as_clusters_where_it_holds_them_whole(atlas: Atlas) -> None:
    places = atlas.places(3) | atlas.places(5)
    assert chosen_clusters(atlas, places) == (3, 5)
    assert chosen(atlas, places).sum() == len(places)
    assert chosen_clusters(atlas, places - {next(iter(atlas.places(3)))}) == (5,)
    assert chosen_clusters(atlas, frozenset({(99, 99)})) == ()


def test_values_come_from_the_layer_a_unit_is_in_whatever_order_a_scan_has(atlas: Atlas) -> None:
    rows = np.arange(3 * 512, dtype=np.float32).reshape(3, 512)
    values = AtlasUnits(atlas).read(ScanRows((6, 2, 0), rows))
    assert values is not None
    np.testing.assert_array_equal(values[6 * 512 : 7 * 512], rows[0])
    np.testing.assert_array_equal(values[:512], rows[2])
    assert np.isnan(values[512 : 2 * 512]).all()
    assert AtlasUnits(atlas).read(ScanRows((9,), rows[:1])) is None
    narrow = AtlasUnits(atlas).read(ScanRows((6, 2, 0), rows[:, :100]))
    assert narrow is not None
    np.testing.assert_array_equal(narrow[6 * 512 : 6 * 512 + 100], rows[0, :100])
    assert np.isnan(narrow[6 * 512 + 100 : 7 * 512]).all(), "units that the scan is too narrow for"


@pytest.mark.parametrize("step", [1, 3, 700])
def test_a_whole_scan_is_read_without_a_copy(atlas: Atlas, step: int) -> None:
    rows = np.arange(8 * 512, dtype=np.float32).reshape(8, 512)
    values = AtlasUnits(atlas).read(ScanRows(tuple(range(8)), rows), step)
    assert values is not None
    np.testing.assert_array_equal(values, rows.ravel()[::step])
    assert np.shares_memory(values, rows)


def test_it_fits_the_model_it_was_made_from(atlas: Atlas, card: ModelCard) -> None:
    assert atlas.misfit(card) == ""


def test_it_names_what_differs_from_another_model(atlas: Atlas, card: ModelCard) -> None:
    narrow = [msgspec.structs.replace(site, width=128) for site in card.sites]
    wide = [msgspec.structs.replace(site, width=1024) for site in card.sites]
    assert atlas.misfit(msgspec.structs.replace(card, layers=6)) == (
        "the clusters reach to layer 7; pocket has layers 0\N{EN DASH}5"
    )
    for sites, width in ((narrow, 128), (wide, 1024)):
        assert atlas.misfit(msgspec.structs.replace(card, sites=tuple(sites))) == (
            f"the clusters are of 512 units a layer at mlp_act; pocket has {width}"
        )
    lacking = tuple(site for site in card.sites if site.name != "mlp_act")
    assert atlas.misfit(msgspec.structs.replace(card, sites=lacking)) == (
        "the clusters are of site mlp_act; pocket has resid_post, attn_out"
    )


def test_a_chosen_part_of_wider_layers_fits_them(card: ModelCard) -> None:
    made = clusters.clustering(layers=2, width=64, clusters=4, quiet=2, below=1)
    shifted = replace(made.units, index=(made.units.index * 3).astype(np.int32))
    assert Atlas.of(replace(made, units=shifted)).misfit(card) == ""
