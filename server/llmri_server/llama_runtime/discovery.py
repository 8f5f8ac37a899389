"""From what one decode showed to the sites of a model."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmri_server.llama_runtime.architectures import Architecture, Node, is_known, nodes_of
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.options import FlashAttention
from llmri_server.llama_runtime.probing import Sighting, probe
from llmri_server.llama_runtime.recognition import EMBEDDING, Label
from llmri_server.llama_runtime.sites import ALWAYS, RESID_POST, RESID_PRE, UNITS, Site
from llmri_server.runtime import LoadError

logger = logging.getLogger(__name__)

Sightings = Mapping[Label, Sighting]
Nodes = Mapping[str, Sequence[Node]]


@dataclass(frozen=True)
class Discovery:
    """The sites by name, how their nodes are recognised, and whether attention is computed in one piece."""

    sites: Mapping[str, Site]
    nodes: Nodes
    flash_attention: FlashAttention


def discover(model: Model) -> Discovery:
    """Find the sites by the table and a decode, two where flash attention may hide some.

    It is switched off where sites are only found without it; that is logged, and so are nodes that cannot be
    read, and an architecture that the table does not know.

    Raises:
        LoadError: No site was found.
    """
    architecture = nodes_of(model.architecture)
    wish = model.options.flash_attention
    found = _find(model, architecture, wish)
    if wish != "off" and not found.sites.keys() >= ALWAYS:
        without = _find(model, architecture, "off")
        hidden = without.sites.keys() - found.sites.keys()
        if hidden:
            logger.warning("flash attention hides %s, so it is switched off", _listed(sorted(hidden)))
            found = without
    if not found.sites:
        raise LoadError(
            f"no site of the architecture `{model.architecture}` could be found; it cannot be watched"
        )
    if not is_known(model.architecture):
        logger.warning(
            "configs/gguf.toml does not know the architecture `%s`; by llama.cpp's usual names these sites "
            "were found: %s; these were not: %s",
            model.architecture,
            _listed(found.sites),
            _listed(ALWAYS - found.sites.keys()) or "none",
        )
    return found


def _find(model: Model, architecture: Architecture, flash_attention: FlashAttention) -> Discovery:
    candidates = {EMBEDDING: architecture.embedding, **architecture.sites}
    sightings = probe(model, candidates, flash_attention)
    nodes = {
        name: (chosen,)
        for name, nodes in candidates.items()
        if (chosen := _choose(name, nodes, sightings, 1 if name == EMBEDDING else model.layers)) is not None
    }
    sites = {
        name: _site(model, name, node, architecture, sightings)
        for name, (node,) in nodes.items()
        if name != EMBEDDING
    }
    if EMBEDDING in nodes and RESID_POST in sites:
        sites[RESID_PRE] = Site(RESID_PRE, sites[RESID_POST].width)
    ordered = {name: sites[name] for name in (*UNITS, *sites) if name in sites}
    return Discovery(ordered, nodes, flash_attention)


def _choose(name: str, nodes: Sequence[Node], sightings: Sightings, layers: int) -> Node | None:
    """Give the first node that every layer has, equally wide and readable."""
    for number, node in enumerate(nodes):
        seen = [sightings.get(Label(name, number, layer)) for layer in range(layers)]
        there = [sighting for sighting in seen if sighting is not None]
        problems = [sighting.problem for sighting in there if sighting.problem]
        if problems:
            logger.warning("`%s` is left out: %s", name, problems[0])
        elif len(there) == layers and len({sighting.width for sighting in there}) == 1:
            return node
    return None


def _site(model: Model, name: str, node: Node, architecture: Architecture, sightings: Sightings) -> Site:
    number = architecture.sites[name].index(node)
    seen = [sightings[Label(name, number, layer)] for layer in range(model.layers)]
    factor = float(model.metadata(node.times) or 1) if node.times else 1.0
    cut = frozenset(layer for layer, sighting in enumerate(seen) if sighting.cut)
    return Site(name, seen[0].width, cut, factor or 1.0)  # llama.cpp takes 0 for no factor


def _listed(names: Sequence[str] | frozenset[str] | Mapping[str, object]) -> str:
    return ", ".join(f"`{name}`" for name in names)
