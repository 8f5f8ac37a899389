"""From what one decode showed to the sites of a model."""

import logging
from collections.abc import Mapping, Sequence

from llmri_protocol.sites import SITES
from llmri_server.edits import Place
from llmri_server.llama_runtime.blocks import BlockNodes, find_blocks
from llmri_server.llama_runtime.experts import find_experts
from llmri_server.llama_runtime.graph import Graph
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.probing import probe, probe_ids
from llmri_server.llama_runtime.projections import read_by_attention_output, read_by_down
from llmri_server.llama_runtime.recognition import EMBEDDING, NodeIdentity
from llmri_server.llama_runtime.sites import (
    ALWAYS,
    ATTN_OUT,
    MLP_ACT,
    MLP_OUT,
    RESID_MID,
    RESID_POST,
    RESID_PRE,
    Discovery,
    Site,
    Z,
)
from llmri_server.llama_runtime.verification import verified
from llmri_server.runtime import LoadError

logger = logging.getLogger(__name__)

Nodes = Mapping[str, Sequence[int] | str]  # a node a layer, or why there is none


def discover(model: Model) -> Discovery:
    """Find the sites in the graph of one decode, and check by two more that they are what they claim to be.

    What is absent is logged with its reason.

    Raises:
        LoadError: No site was found.
    """
    graph = probe(model)
    found = verified(model, _sites(graph, _nodes(graph, model.layers), model), probe_ids(model))
    if not found.sites:
        raise LoadError(
            f"no site of the architecture `{model.architecture}` could be found "
            f"({'; '.join(sorted(set(found.absent.values())))}); it cannot be watched"
        )
    for name in map(str, SITES):
        if name in found.absent:
            logger.warning("`%s` is absent: %s", name, found.absent[name])
    return found


def _nodes(graph: Graph, layers: int) -> Nodes:
    """Return the nodes that may be each site; `EMBEDDING` has one."""
    nodes: dict[str, Sequence[int] | str] = {
        Z: read_by_attention_output(graph, layers),
        MLP_ACT: read_by_down(graph, layers),
    }
    blocks = find_blocks(graph, layers)
    if isinstance(blocks, str):
        stream = (EMBEDDING, RESID_MID, RESID_POST, ATTN_OUT, MLP_OUT)
        return {**nodes, **dict.fromkeys(stream, blocks)}
    nodes |= _of_blocks(blocks)
    mlps = nodes[MLP_OUT]
    return nodes if isinstance(mlps, str) else {**nodes, **find_experts(graph, mlps)}


def _of_blocks(blocks: Sequence[BlockNodes]) -> dict[str, Sequence[int] | str]:
    return {
        EMBEDDING: [blocks[0].before],
        RESID_MID: _each([block.middle for block in blocks]),
        RESID_POST: [block.after for block in blocks],
        ATTN_OUT: _each([block.attention for block in blocks]),
        MLP_OUT: _each([block.mlp for block in blocks]),
    }


def _each(found: Sequence[int | str]) -> Sequence[int] | str:
    """Return a node of every layer, or why the first one that lacks it does."""
    reasons = [each for each in found if isinstance(each, str)]
    return reasons[0] if reasons else [each for each in found if isinstance(each, int)]


def _sites(graph: Graph, nodes: Nodes, model: Model) -> Discovery:
    sites: dict[str, Site] = {}
    marks: dict[Place, NodeIdentity] = {}
    absent: dict[str, str] = {}
    for name, found in nodes.items():
        if isinstance(found, str):
            absent[name] = found
        elif isinstance(site := _site(graph, name, found), str):
            absent[name] = site
        else:
            sites[name] = site
            marks |= {(name, layer): graph.nodes[number].mark for layer, number in enumerate(found)}
    embedding = sites.pop(EMBEDDING, None)
    if embedding is not None and RESID_POST in sites:
        sites[RESID_PRE] = Site(RESID_PRE, sites[RESID_POST].width)
    else:
        absent[RESID_PRE] = absent.pop(EMBEDDING, "`resid_post` is, of which it is the one before")
    ordered = {name: sites[name] for name in map(str, SITES) if name in sites}
    reasons = {name: reason for name, reason in absent.items() if name in ALWAYS}
    return Discovery(ordered, marks, reasons, model.options.flash_attention)


def _site(graph: Graph, name: str, numbers: Sequence[int]) -> Site | str:
    """Return a site whose nodes can be read and are equally wide, or say why it is none."""
    nodes = [graph.nodes[number] for number in numbers]
    for layer, node in enumerate(nodes):
        if node.problem:
            return node.problem
        if node.width != nodes[0].width:
            return f"it is {nodes[0].width} wide in layer 0 and {node.width} in layer {layer}"
    return Site(name, nodes[0].width, frozenset(layer for layer, node in enumerate(nodes) if node.cut))
