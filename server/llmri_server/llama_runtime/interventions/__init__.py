"""Edits as arrays: when they act, what they do to the rows of a place, and what they put in."""

from llmri_server.llama_runtime.interventions.compilation import Compiled, Compiler
from llmri_server.llama_runtime.interventions.gates import Openings
from llmri_server.llama_runtime.interventions.program import Program

__all__ = ["Compiled", "Compiler", "Openings", "Program"]
