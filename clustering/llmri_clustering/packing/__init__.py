"""Circles within circles: a nesting of groups and units, drawn without overlap."""

from llmri_clustering.packing.enclosing import enclosing_circle
from llmri_clustering.packing.pack import Packing, pack_circles
from llmri_clustering.packing.siblings import pack_siblings

__all__ = ["Packing", "enclosing_circle", "pack_circles", "pack_siblings"]
