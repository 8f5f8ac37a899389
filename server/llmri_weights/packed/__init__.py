"""Weights that a checkpoint stores in several tensors, found by their names and shapes."""

from llmri_weights.packed.registry import PACKINGS, unpacked

__all__ = ["PACKINGS", "unpacked"]
