"""Blocks with experts, in PyTorch, for architectures that transformers has no class for."""

import torch
from torch import Tensor, nn

from tests.server.llama_runtime.families.plain import Attention, Design, Mlp
from tests.server.llama_runtime.families.sizes import EXPERT_NEURONS, EXPERTS, USED, WIDTH


class Experts(nn.Module):
    """The likeliest of several gated MLPs, each weighted by its share of the probability of those."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(WIDTH, EXPERTS, bias=False)
        self.experts = nn.ModuleList(Mlp(Design(), EXPERT_NEURONS) for _ in range(EXPERTS))

    def forward(self, read: Tensor) -> Tensor:
        probabilities, chosen = torch.softmax(self.gate(read), dim=-1).topk(USED)
        shares = torch.zeros(*read.shape[:-1], EXPERTS).scatter(
            -1, chosen, probabilities / probabilities.sum(dim=-1, keepdim=True)
        )
        written = torch.stack([expert(read) for expert in self.experts], dim=-1)
        return (written * shares[..., None, :]).sum(dim=-1)


class Arctic(nn.Module):
    """A block whose experts read what attention reads, and a dense MLP what attention leaves."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.input_layernorm = design.norm()
        self.self_attn = Attention(design)
        self.residual_layernorm = design.norm()
        self.residual_mlp = Mlp(design, WIDTH)
        self.post_attention_layernorm = design.norm()
        self.block_sparse_moe = Experts()

    def forward(self, stream: Tensor) -> Tensor:
        middle: Tensor = stream + self.self_attn(self.input_layernorm(stream))
        dense: Tensor = self.residual_mlp(self.residual_layernorm(middle))
        chosen: Tensor = self.block_sparse_moe(self.post_attention_layernorm(stream))
        return middle + dense + chosen
