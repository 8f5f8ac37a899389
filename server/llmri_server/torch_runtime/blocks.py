"""What passed through every module of every block in one forward pass, to find sites by."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from llmri_server.torch_runtime.probe import observe, probe_ids
from llmri_server.torch_runtime.taps import Tap, read

MATRIX = 2  # dimensions


@dataclass(eq=False)
class BlockPass:
    """What went into and came out of each module of a block, as `[positions, width]`, by its path inside.

    Attributes:
        modules: All of them, parents before their children; the block itself is "".
        inputs: The first argument of each.
        outputs: What each gave; in the order in which they ended.
    """

    modules: dict[str, nn.Module]
    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)

    @property
    def start(self) -> Tensor:
        """What went into the block."""
        return self.inputs[""]

    @property
    def end(self) -> Tensor:
        """What came out of it."""
        return self.outputs[""]

    @property
    def whole(self) -> bool:
        """Whether its input and output were seen, and are alike."""
        return "" in self.inputs and "" in self.outputs and self.start.shape == self.end.shape

    def children(self) -> list[str]:
        """Return the direct children whose output is as wide as the block's, in the order of their ending."""
        return [path for path in self.outputs if path and "." not in path and self.is_stream(path)]

    def is_stream(self, path: str) -> bool:
        """Whether a module's output is as wide as the residual stream."""
        return self.outputs[path].shape == self.start.shape

    def writers(self) -> list[str]:
        """Return the modules whose outputs could be added to the stream; of equal ones the outermost."""
        chosen: list[str] = []
        for path in self.modules:
            if path and path in self.outputs and self.is_stream(path):
                output = self.outputs[path]
                if not any(
                    path.startswith(f"{each}.") and torch.equal(self.outputs[each], output) for each in chosen
                ):
                    chosen.append(path)
        return chosen

    def before(self, child: str) -> Iterator[Tensor]:
        """Yield what is as wide as the stream and was there before a direct child ran."""
        yield self.start
        for path in self.outputs:
            if path == child or path.startswith(f"{child}."):
                return
            if path and self.is_stream(path):
                yield self.outputs[path]
            if path in self.inputs and self.inputs[path].shape == self.start.shape:
                yield self.inputs[path]

    def linear_giving(self, value: Tensor) -> str | None:
        """Return the linear layer whose output this is, unchanged or through norms and the like."""
        pending, seen = [value], 0
        while seen < len(pending):
            wanted = pending[seen]
            seen += 1
            for path, output in self.outputs.items():
                if path not in self.inputs or output.shape != wanted.shape or not torch.equal(output, wanted):
                    continue
                if is_linear(self.modules[path]):
                    return path
                if not has_linear(self.modules[path]) and self.inputs[path].shape == self.start.shape:
                    pending.append(self.inputs[path])
        return None


def watch(model: PreTrainedModel, blocks: list[nn.Module]) -> list[BlockPass]:
    """Run one forward pass and look at every module of the blocks; all hooks are gone afterwards."""
    watched = [BlockPass(dict(block.named_modules())) for block in blocks]
    repeated: set[tuple[int, str]] = set()

    def noting(number: int, path: str, tap: Tap, into: dict[str, Tensor]) -> Callable[[object], None]:
        def note(value: object) -> None:
            try:
                tensor = read(tap, value)
            except (TypeError, IndexError):
                return  # nothing a site could be
            if path in into:
                repeated.add((number, path))
            if tensor.is_floating_point() and tensor.ndim:
                into[path] = tensor.reshape(-1, tensor.shape[-1]).clone()

        return note

    with ExitStack() as hooks, torch.no_grad():
        for number, block in enumerate(watched):
            for path, module in block.modules.items():
                before, after = Tap(module, "input", 0), Tap(module, "output", 0)
                hooks.callback(observe(before, noting(number, path, before, block.inputs)).remove)
                hooks.callback(observe(after, noting(number, path, after, block.outputs)).remove)
        model(probe_ids(model), use_cache=False)
    for number, path in repeated:  # a module that runs twice, such as a shared dropout, is no single place
        watched[number].inputs.pop(path, None)
        watched[number].outputs.pop(path, None)
    return watched


def is_linear(module: nn.Module) -> bool:
    """Whether it multiplies with one matrix, whatever its class is called."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim == MATRIX and not isinstance(module, nn.Embedding)


def has_linear(module: nn.Module) -> bool:
    """Whether it is a linear layer, or has one inside."""
    return any(map(is_linear, module.modules()))
