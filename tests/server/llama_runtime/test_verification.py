"""A site that is not what it claims to be is absent, and says why."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from llmri_server.llama_runtime.discovery import discover
from llmri_server.llama_runtime.engine import engine
from llmri_server.llama_runtime.graph import Graph, Node
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.probing import probe, probe_ids
from llmri_server.llama_runtime.recognition import NodeIdentity
from llmri_server.llama_runtime.sites import Discovery
from llmri_server.llama_runtime.verification import verified
from tests.gguf_models import GgufModel
from tests.server.llama_runtime.conftest import EXACT

LAYERS = range(3)
ALL = {"resid_pre", "resid_mid", "resid_post", "attn_out", "z", "mlp_act", "mlp_out"}


@pytest.fixture
def model(tiny: Callable[[str], GgufModel]) -> Model:
    return Model(engine(), tiny("llama").path, EXACT)


def claiming(found: Discovery, site: str, marks: dict[int, NodeIdentity]) -> Discovery:
    """Return a discovery of the stream's sites in which one is other nodes in some layers."""
    others = found.without({"z": "left out", "mlp_act": "left out"})
    moved = {(site, layer): mark for layer, mark in marks.items()}
    return replace(others, marks={**others.marks, **moved}, absent={})


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        ("attn_out", "`resid_mid` is not `resid_pre` + `attn_out`: in layer 1 it differs by up to "),
        ("mlp_out", "`resid_post` is not `resid_mid` + `mlp_out`: in layer 1 it differs by up to "),
        ("resid_mid", "`resid_mid` is not `resid_pre` + `attn_out`: in layer 1 it differs by up to "),
    ],
)
def test_a_site_that_does_not_add_up_in_one_layer_is_absent_and_no_other_is(
    model: Model, site: str, reason: str
) -> None:
    found = discover(model)
    wrong = claiming(found, site, {1: found.marks["z", 1]})
    checked = verified(model, wrong, probe_ids(model))
    assert checked.sites.keys() == ALL - {site, "z", "mlp_act"}
    assert checked.absent.keys() == {site}
    assert checked.absent[site].startswith(reason)


@pytest.mark.parametrize("site", ["attn_out", "resid_post"])
def test_a_site_that_a_pass_lacks_is_absent_and_says_so(model: Model, site: str) -> None:
    found = discover(model)
    lost = NodeIdentity("MUL_MAT", "a node that no graph has", (), 0)
    checked = verified(model, claiming(found, site, {2: lost}), probe_ids(model))
    assert site not in checked.sites
    assert checked.absent[site] == "not every pass of llama.cpp computes it as this one does, in layer 2"
    assert ("resid_pre" in checked.sites) == (site != "resid_post")


def test_nothing_is_absent_where_everything_adds_up(model: Model) -> None:
    assert discover(model).sites.keys() == ALL
    assert not discover(model).absent


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"problem": "the node `attn_out-1` holds i32"}, "the node `attn_out-1` holds i32"),
        ({"width": 16}, "it is 32 wide in layer 0 and 16 in layer 1"),
    ],
)
def test_a_site_whose_nodes_cannot_be_read_alike_is_absent_and_says_why(
    model: Model,
    change: dict[str, object],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mark = discover(model).marks["attn_out", 1]

    def changed(node: Node) -> Node:
        return replace(node, **change) if node.mark == mark else node  # type: ignore[arg-type]

    graph = Graph([changed(node) for node in probe(model).nodes])
    monkeypatch.setattr("llmri_server.llama_runtime.discovery.probe", lambda _: graph)
    with caplog.at_level(logging.WARNING):
        found = discover(model)
    assert found.sites.keys() == ALL - {"attn_out"}
    assert found.absent == {"attn_out": reason}
    assert f"`attn_out` is absent: {reason}" in caplog.text


def test_a_mixture_has_no_neurons_and_says_why(
    tiny: Callable[[str], GgufModel], caplog: pytest.LogCaptureFixture
) -> None:
    found = discover(Model(engine(), tiny("mixtral").path, EXACT))
    assert found.sites.keys() == ALL - {"mlp_act"} | {"router", "expert_out"}
    assert (
        "`mlp_act` is absent: layer 0 is a mixture of experts, whose neurons no single tensor" in caplog.text
    )
