"""Finding the sites of an architecture that the table does not know, by structure and by arithmetic.

What is proposed here is what one forward pass proves in the first block: two children whose outputs add up
with the block's input to its output are its attention and its MLP. The proposal then has to stand the same
verification in every block as an entry of the table.
"""

from collections.abc import Callable
from contextlib import ExitStack
from itertools import combinations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from llmri_server.torch_runtime.architectures import Architecture, SiteName, SitePath
from llmri_server.torch_runtime.probe import observe, probe_ids
from llmri_server.torch_runtime.taps import Tap, read
from llmri_server.torch_runtime.verification import adds_up

MATRIX = 2  # dimensions
FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm", "final_norm", "ln_f", "norm_f")


def propose(model: PreTrainedModel) -> Architecture | None:
    """Give what can be found of the architecture, or None where there is no list of blocks."""
    blocks = _blocks_path(model)
    if blocks is None:
        return None
    ends: dict[SiteName, SitePath] = {
        "resid_pre": SitePath(module="", side="input"),
        "resid_post": SitePath(module="", side="output"),
    }
    parent = blocks.rpartition(".")[0]
    norms = (name for name, _ in model.get_submodule(parent).named_children() if name in FINAL_NORMS)
    norm = next(norms, None)
    return Architecture(
        blocks=blocks,
        final_norm=norm and f"{parent}.{norm}".lstrip("."),
        sites=ends | _branches(_watch(model, model.get_submodule(f"{blocks}.0"))),
    )


def _blocks_path(model: PreTrainedModel) -> str | None:
    """Give the path of the outermost list with as many modules as the model has hidden layers."""
    layers = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    path: str
    for path, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == layers:
            return path
    return None


class _Watched:
    """What went into and came out of each module of a block, in the order in which they ended."""

    def __init__(self) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}

    def children(self) -> list[str]:
        """Give the block's direct children that gave a tensor, in the order of their running."""
        return [path for path in self.outputs if path and "." not in path]

    def source(self, branch: str) -> str:
        """Give the child whose output the branch reads, where it is a norm over it; else the branch."""
        value = self.inputs.get(branch)
        for child in self.children():
            if child != branch and value is not None and _equal(self.outputs[child], value):
                return child
        return branch

    def projection(self, branch: str) -> str | None:
        """Give the linear layer whose output is the branch's output: the branch itself, or one inside."""
        for path, output in self.outputs.items():
            inside = path == branch or path.startswith(f"{branch}.")
            if inside and _is_linear(self.modules[path]) and _equal(output, self.outputs[branch]):
                return path if path in self.inputs else None
        return None


def _watch(model: PreTrainedModel, block: nn.Module) -> _Watched:
    """Run one forward pass and look at every module of the block."""
    watched = _Watched()
    repeated: set[str] = set()

    def noting(path: str, tap: Tap, into: dict[str, Tensor]) -> Callable[[object], None]:
        def note(value: object) -> None:
            try:
                tensor = read(tap, value)
            except (TypeError, IndexError):
                return  # nothing a site could be
            if path in into:
                repeated.add(path)
            if tensor.is_floating_point():
                into[path] = tensor.reshape(-1, tensor.shape[-1]).clone()

        return note

    with ExitStack() as hooks, torch.no_grad():
        for path, module in block.named_modules():
            watched.modules[path] = module
            before, after = Tap(module, "input", 0), Tap(module, "output", 0)
            hooks.callback(observe(before, noting(path, before, watched.inputs)).remove)
            hooks.callback(observe(after, noting(path, after, watched.outputs)).remove)
        model(probe_ids(model), use_cache=False)
    for path in repeated:  # a module that runs twice, such as a shared dropout, is no single place
        watched.inputs.pop(path, None)
        watched.outputs.pop(path, None)
    return watched


def _branches(watched: _Watched) -> dict[SiteName, SitePath]:
    """Give the sites of the first two children that add up, an attention and an MLP."""
    start, end = watched.inputs.get(""), watched.outputs.get("")
    if start is None or end is None:
        return {}
    shaped = [child for child in watched.children() if watched.outputs[child].shape == start.shape]
    for attention, mlp in combinations(shaped, 2):
        written, added = watched.outputs[attention], watched.outputs[mlp]
        if "att" in attention.lower() and adds_up(end, start, written, added):
            return _sites(watched, attention, mlp, start)
    return {}


def _sites(watched: _Watched, attention: str, mlp: str, start: Tensor) -> dict[SiteName, SitePath]:
    sites: dict[SiteName, SitePath] = {
        "attn_out": SitePath(module=attention, side="output"),
        "mlp_out": SitePath(module=mlp, side="output"),
    }
    middle = _middle(watched, attention, start)
    if middle is not None:
        sites["resid_mid"] = SitePath(module=middle, side="input")
    heads = watched.projection(attention) or watched.projection(watched.source(attention))
    neurons = watched.projection(mlp) or watched.projection(watched.source(mlp))
    if heads is not None and "." in heads:
        sites["z"] = SitePath(module=heads, side="input")
    if neurons is not None:
        sites["mlp_act"] = SitePath(module=neurons, side="input")
    return sites


def _middle(watched: _Watched, attention: str, start: Tensor) -> str | None:
    """Give the child that reads the sum of the block's input and its attention."""
    for child in watched.children():
        value = watched.inputs.get(child)
        if (
            value is not None
            and value.shape == start.shape
            and adds_up(value, start, watched.outputs[attention])
        ):
            return child
    return None


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def _is_linear(module: nn.Module) -> bool:
    """Whether it multiplies with one matrix, whatever its class is called."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim == MATRIX and not isinstance(module, nn.Embedding)
