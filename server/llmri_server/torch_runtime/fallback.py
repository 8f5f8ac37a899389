"""Finding the sites of an architecture that the table does not know, by structure and by arithmetic.

What is proposed here is what one forward pass shows, block by block: modules whose outputs add up with the
block's input to its output are its attention and its MLP, and a linear layer whose output is what such a
module writes has heads or neurons as its input. The proposal then has to stand the same verification in
every block as an entry of the table.
"""

import re
from dataclasses import dataclass
from itertools import combinations

from torch import Tensor, nn
from transformers import PreTrainedModel

from llmri_server.torch_runtime.architectures import SITE_NAMES, Architecture, SiteName
from llmri_server.torch_runtime.blocks import MATRIX, BlockPass, has_linear, is_linear, watch
from llmri_server.torch_runtime.sums import Multipliers, multipliers
from llmri_server.torch_runtime.taps import Tap

FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm", "final_norm", "ln_f", "norm_f", "ln_out")
ATTENTION = re.compile(r"att(n|ention|\b|_)", re.I)
OTHER_MIXER = re.compile(r"mamba|ssm|conv|recurrent|temporal|mixer|rnn", re.I)
MLP = re.compile(r"mlp|ffn|feed|expert|moe", re.I)


@dataclass(frozen=True)
class ModuleSite:
    """Where a site is inside one block; `factor` is what the model multiplies it with."""

    module: str
    side: str = "input"
    factor: float | None = None


Places = dict[SiteName, ModuleSite]
Proposal = tuple[Architecture, dict[SiteName, tuple[Tap | None, ...]]]


def propose(model: PreTrainedModel) -> Proposal | None:
    """Return where the blocks are and a tap a layer of every site, None where a block lacks it.

    None where there is no list of blocks at all.
    """
    path = blocks_path(model)
    if path is None:
        return None
    blocks = list(model.get_submodule(path).children())
    config = model.config.get_text_config()
    found = [_places(block, multipliers(config, block.modules[""])) for block in watch(model, blocks)]
    taps: dict[SiteName, tuple[Tap | None, ...]] = {
        site: tuple(_tap(block, places.get(site)) for block, places in zip(blocks, found, strict=True))
        for site in SITE_NAMES
    }
    parent = path.rpartition(".")[0]
    norms = (name for name, _ in model.get_submodule(parent).named_children() if name in FINAL_NORMS)
    norm = next(norms, None)
    return Architecture(blocks=path, final_norm=norm and f"{parent}.{norm}".lstrip(".")), taps


def blocks_path(model: PreTrainedModel) -> str | None:
    """Return the path of the outermost list with as many modules as the model has hidden layers."""
    layers = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    path: str
    for path, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == layers:
            return path
    return None


def _tap(block: nn.Module, place: ModuleSite | None) -> Tap | None:
    if place is None:
        return None
    side = "input" if place.side == "input" else "output"
    factor = None if place.factor in (None, 1.0) else place.factor
    return Tap(block.get_submodule(place.module), side, 0, factor)  # type: ignore[arg-type]  # one of the two


def _places(block: BlockPass, numbers: Multipliers) -> Places:
    """Return the sites of one block."""
    ends: Places = {"resid_pre": ModuleSite(""), "resid_post": ModuleSite("", "output")}
    if not block.whole:
        return ends
    sums = _sequential(block, numbers) or _parallel(block, numbers)
    inner: Places = {}
    heads = _heads(block, numbers, sums.get("attn_out"))
    neurons = _neurons(block, numbers, sums.get("mlp_out"))
    if heads is not None:
        inner["z"] = ModuleSite(heads)
    if neurons is not None:
        inner["mlp_act"] = ModuleSite(neurons)
    return ends | sums | inner


def _sequential(block: BlockPass, numbers: Multipliers) -> Places:
    """Return the middle of the stream, where a module reads it, and the branches before and behind it."""
    writers = block.writers()
    for middle in block.modules:
        value = block.inputs.get(middle)
        if not middle or value is None or value.shape != block.start.shape or value.equal(block.start):
            continue
        sums: Places = {}
        for writer in writers:
            factor = numbers.of(value, block.start, block.outputs[writer])
            if factor is not None and "attn_out" not in sums and _is_attention(block, writer):
                sums["attn_out"] = ModuleSite(writer, "output", factor)
            factor = numbers.of(block.end, value, block.outputs[writer])
            if factor is not None and "mlp_out" not in sums and _is_mlp(_name(block, writer)):
                sums["mlp_out"] = ModuleSite(writer, "output", factor)
        if sums:
            return {"resid_mid": ModuleSite(middle), **sums}
    return {}


def _parallel(block: BlockPass, numbers: Multipliers) -> Places:
    """Return the branches that are added to the block's input at once, an attention and an MLP."""
    for one, other in combinations(block.writers(), 2):
        attention, mlp = (one, other) if _is_attention(block, one) else (other, one)
        if not _is_attention(block, attention) or _is_attention(block, mlp):
            continue
        parts = (block.outputs[attention], block.outputs[mlp])
        factor = numbers.common(block.end, block.start, parts)
        if factor is not None:
            return {
                "attn_out": ModuleSite(attention, "output", factor),
                "mlp_out": ModuleSite(mlp, "output", factor),
            }
    return {}


def _heads(block: BlockPass, numbers: Multipliers, written: ModuleSite | None) -> str | None:
    """Return the output projection of the attention."""
    if written is not None:
        return block.linear_giving(block.outputs[written.module])
    for child in block.children():
        if ATTENTION.search(child):
            return _projection(block, numbers, child) or _last_linear(block, child)
    return None


def _neurons(block: BlockPass, numbers: Multipliers, written: ModuleSite | None) -> str | None:
    """Return the down projection of the MLP; a mixture has none that would give all that it writes."""
    if written is not None:
        return block.linear_giving(block.outputs[written.module])
    parts = [child for child in block.children() if _is_mlp(child) and _has_matrix(block.modules[child])]
    return _projection(block, numbers, parts[0]) if len(parts) == 1 else None  # several are one mixture


def _projection(block: BlockPass, numbers: Multipliers, child: str) -> str | None:
    """Return the linear layer whose output a child gives, or adds to something that was there before."""
    given = block.linear_giving(block.outputs[child])
    if given is not None and _inside(given, child):
        return given
    earlier = [value for value in block.before(child) if not value.equal(block.outputs[child])]
    for path in block.modules:
        if (
            _inside(path, child)
            and path in block.inputs
            and path in block.outputs
            and is_linear(block.modules[path])
        ):
            output = block.outputs[path]
            if output.shape == block.start.shape and _is_added(block, numbers, child, earlier, output):
                return path
    return None


def _is_added(
    block: BlockPass, numbers: Multipliers, child: str, earlier: list[Tensor], output: Tensor
) -> bool:
    """Whether a child gives, or a module behind it reads, the sum of this and what was there before."""
    sums = [block.outputs[child], *(value for value in block.inputs.values() if value.shape == output.shape)]
    return any(
        numbers.of(total, rest, output) == 1.0 for total in sums for rest in earlier if not total.equal(rest)
    )


def _last_linear(block: BlockPass, child: str) -> str | None:
    """Return the last linear layer inside an attention, as wide as the stream and not also the first."""
    found = [
        path
        for path in block.outputs
        if _inside(path, child)
        and path in block.inputs
        and is_linear(block.modules[path])
        and block.is_stream(path)
    ]
    entry = block.inputs.get(child)
    if not found or (entry is not None and block.inputs[found[-1]].equal(entry)):
        return None
    return found[-1]


def _inside(path: str, child: str) -> bool:
    return path == child or path.startswith(f"{child}.")


def _name(block: BlockPass, writer: str) -> str:
    """Return the path of a module or, where it is a norm over a branch, the path of that."""
    value = block.inputs.get(writer)
    if value is None or has_linear(block.modules[writer]):
        return writer
    return next(
        (path for path in block.children() if path != writer and block.outputs[path].equal(value)), writer
    )


def _is_attention(block: BlockPass, writer: str) -> bool:
    return bool(ATTENTION.search(_name(block, writer)))


def _is_mlp(name: str) -> bool:
    return bool(MLP.search(name)) or not (ATTENTION.search(name) or OTHER_MIXER.search(name))


def _has_matrix(module: nn.Module) -> bool:
    return any(parameter.ndim >= MATRIX for parameter in module.parameters())
