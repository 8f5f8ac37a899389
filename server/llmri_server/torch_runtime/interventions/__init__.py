"""Edits as tensors: when they act, what they do to the rows of a place, and what they put in."""

from llmri_server.torch_runtime.interventions.compilation import Compiler
from llmri_server.torch_runtime.interventions.interventions import Edits, Interventions
from llmri_server.torch_runtime.interventions.pass_position import NO_REPLY
from llmri_server.torch_runtime.interventions.steps import Change

__all__ = ["NO_REPLY", "Change", "Compiler", "Edits", "Interventions"]
