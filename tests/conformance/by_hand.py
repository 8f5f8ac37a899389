"""Edits of a Hugging Face model as one would write them by hand: a row, a position and a unit at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DynamicCache

from llmri_protocol.messages import Edit
from llmri_server.edits import sample_numbers
from llmri_server.runtime import Measured, SiteLayers
from llmri_server.runtimes.common.calibration import calibration_ids
from llmri_server.torch_runtime import TorchRuntime
from tests.conformance.under_test import Floats
from tests.server.torch_runtime.test_sites import BY_HAND, llama_like
from tests.server.torch_runtime.tiny_models import blocks_of, single

Look = Callable[[Tensor], Tensor]  # from what passes to what goes on


class ByHand:
    """The reference for models of transformers."""

    def __init__(self, runtime: TorchRuntime, kind: str) -> None:
        self.runtime = runtime
        self.model = runtime.model
        self.kind = kind
        self.specials = set(runtime.tokenizer.all_special_ids)
        self.samples = cache(self._samples)

    def measure(
        self,
        ids: Sequence[int],
        variants: Sequence[Sequence[Edit]],
        *,
        sites: SiteLayers = (),
        logits: int = 1,
        prompt: int | None = None,
    ) -> Measured:
        seen: dict[tuple[str, int], Tensor] = {}
        batch = torch.tensor([list(ids)] * len(variants))
        length = len(ids) if prompt is None else prompt
        with torch.no_grad(), self.edited(batch, variants, start=0, prompt=length, seen=seen):
            given = self.model(batch, use_cache=False, logits_to_keep=logits).logits.float().numpy()
        rows = {
            site: np.stack([seen[site, layer].float().numpy() for layer in layers], axis=2)
            for site, layers in sites
        }
        return Measured(given, rows)

    def reply(self, prompt: Sequence[int], edits: Sequence[Edit], tokens: int) -> list[tuple[int, Floats]]:
        read, cache_of_keys, said = list(prompt), DynamicCache(config=self.model.config), []
        start = 0
        for _ in range(tokens):
            batch = torch.tensor([read])[:, start:]
            with torch.no_grad(), self.edited(batch, [edits], start=start, prompt=len(prompt)):
                ones = torch.ones(1, len(read), dtype=torch.long)
                logits = self.model(
                    batch, attention_mask=ones, past_key_values=cache_of_keys, logits_to_keep=1
                ).logits[0, -1]
            start = len(read)
            logprobs = torch.log_softmax(logits.float(), dim=-1)
            read.append(int(logprobs.argmax()))
            said.append((read[-1], logprobs.numpy()))
        return said

    @contextmanager
    def edited(
        self,
        batch: Tensor,
        variants: Sequence[Sequence[Edit]],
        *,
        start: int,
        prompt: int,
        seen: dict[tuple[str, int], Tensor] | None = None,
    ) -> Iterator[None]:
        """Hook every site of every layer: each row of the batch feels its own edits."""

        def look(site: str, layer: int, value: Tensor) -> Tensor:
            rows = value.reshape(*batch.shape, -1).clone()
            for row, (tokens, edits) in enumerate(zip(batch.tolist(), variants, strict=True)):
                here = [edit for edit in edits if (edit.site, edit.layer) == (site, layer)]
                if here:
                    self._edit(rows[row], here, tokens, start, prompt)
            if seen is not None:
                seen[site, layer] = rows * self._factor(site)
            return rows.reshape(value.shape)

        for edit in (edit for edits in variants for edit in edits):
            if edit.op in ("mean", "resample"):
                self.samples(edit.site, edit.layer)  # now, not while the model runs
        with self._hooked(look):
            yield

    @contextmanager
    def _hooked(self, look: Callable[[str, int, Tensor], Tensor]) -> Iterator[None]:
        undo: list[Callable[[], None]] = []
        for layer, block in enumerate(blocks_of(self.model)):
            places = BY_HAND.get(self.kind, llama_like)(block)
            places |= {"resid_pre": (block, "in"), "resid_post": (block, "out")}
            for site, (module, side) in places.items():
                if site == "resid_mid":
                    undo.append(_between_branches(block, module, self.kind, partial(look, site, layer)))
                else:
                    undo.append(_at(module, side, partial(look, site, layer)))
        try:
            yield
        finally:
            for back in undo:
                back()

    def _edit(self, rows: Tensor, edits: Sequence[Edit], tokens: list[int], start: int, prompt: int) -> None:
        """Edit one row of the batch, `[positions, width]`, in place."""
        steers = [edit for edit in edits if edit.op == "steer"]
        for number, edit in enumerate(steers):
            if any(later.direction == edit.direction for later in steers[number + 1 :]):
                continue
            for column, token in enumerate(tokens):
                strength = self.strength(edit, start + column, prompt, token, column == len(tokens) - 1)
                if strength:
                    self._steer(rows[column], edit, strength)
        obeyed = {unit: edit for edit in edits if edit.op != "steer" for unit in edit.units}
        for unit, edit in obeyed.items():
            for column, token in enumerate(tokens):
                strength = self.strength(edit, start + column, prompt, token, column == len(tokens) - 1)
                if strength:
                    self._edit_unit(rows[column], unit, edit, start + column, strength)

    def strength(self, edit: Edit, position: int, prompt: int, token: int, is_last: bool) -> float:
        kinds = {"all": True, "prompt": position < prompt, "generated": position >= prompt, "last": is_last}
        among = kinds[edit.positions] if isinstance(edit.positions, str) else position in edit.positions
        if not among or position < (edit.since or 0) or (not edit.special and token in self.specials):
            return 0.0
        if edit.schedule is None:
            return 1.0
        decided = position - prompt + 1 - edit.schedule.first
        if decided < 0 or (edit.schedule.tokens is not None and decided >= edit.schedule.tokens):
            return 0.0
        return min(1.0, (decided + 1) / edit.schedule.ramp) if edit.schedule.ramp else 1.0

    def _steer(self, row: Tensor, edit: Edit, strength: float) -> None:
        direction = torch.tensor(edit.direction, dtype=torch.float32)
        moved = row.float() + edit.value * direction / self._factor(edit.site)
        row[:] = moved if strength == 1 else row.float() + strength * (moved - row.float())

    def _edit_unit(self, row: Tensor, unit: int, edit: Edit, position: int, strength: float) -> None:
        value = torch.tensor(edit.value, dtype=torch.float32)
        share = torch.tensor(edit.value / self._factor(edit.site), dtype=torch.float32)
        if strength < 1:
            start = row[unit].float()
            rounded = share.to(row.dtype).float()  # as `row[unit] += share` does on the CPU
            ends = {"scale": start * value, "add": start + rounded, "set": share}
            end = ends[edit.op] if edit.op in ends else self._sampled(edit, unit, position)
            row[unit] = start + strength * (end - start)
        elif edit.op == "scale":
            row[unit] *= edit.value
        elif edit.op == "add":
            row[unit] += edit.value / self._factor(edit.site)
        elif edit.op == "set":
            row[unit] = share
        else:
            row[unit] = self._sampled(edit, unit, position)

    def _sampled(self, edit: Edit, unit: int, position: int) -> Tensor:
        samples = self.samples(edit.site, edit.layer)
        if edit.op == "mean":
            return samples.double().mean(dim=0).float()[unit]
        return samples[sample_numbers(edit.seed, len(samples))[position % 4096], unit].float()

    def _samples(self, site: str, layer: int) -> Tensor:
        """Return what the calibration text leaves at a place, without its special tokens."""
        ids = calibration_ids(self.runtime)
        kept: list[Tensor] = []

        def look(its_site: str, its_layer: int, value: Tensor) -> Tensor:
            if (its_site, its_layer) == (site, layer):
                kept.append(value.reshape(len(ids), -1).clone())
            return value

        with torch.no_grad(), self._hooked(look):
            self.model(torch.tensor([ids]), use_cache=False)
        return kept[0][[token not in self.specials for token in ids]]

    def _factor(self, site: str) -> float:
        """Return what Granite multiplies a branch with on its way to the residual stream."""
        if self.kind == "granite" and site in ("attn_out", "mlp_out"):
            return float(self.model.config.residual_multiplier)
        return 1.0


def _at(module: nn.Module, side: str, look: Look) -> Callable[[], None]:
    """Hook a module so that what `look` gives goes on; gives how to undo it."""
    if side == "in":
        return module.register_forward_pre_hook(lambda _m, args: (look(args[0]), *args[1:])).remove

    def after(_module: object, _args: object, output: Any) -> Any:
        changed = look(single(output))
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    return module.register_forward_hook(after).remove


def _between_branches(block: Any, norm: nn.Module, kind: str, look: Look) -> Callable[[], None]:
    """Edit the sum after attention, as a line in the block's own code would."""
    if kind in FORWARDS:
        patching = patch.object(block, "forward", partial(FORWARDS[kind], block, look))
        patching.start()
        return patching.stop

    def write(_module: object, args: tuple[Tensor, ...]) -> None:
        args[0].copy_(look(args[0]))

    return norm.register_forward_pre_hook(write).remove


def llama_forward(block: Any, look: Look, hidden_states: Tensor, **others: Any) -> Tensor:
    """Do what a Llama's block does, with one line more."""
    middle = hidden_states + block.self_attn(hidden_states=block.input_layernorm(hidden_states), **others)[0]
    middle = look(middle)
    result: Tensor = middle + block.mlp(block.post_attention_layernorm(middle))
    return result


def gpt2_forward(block: Any, look: Look, hidden_states: Tensor, *others: Any, **named: Any) -> Tensor:
    """Do what GPT-2's block does, with one line more."""
    keys, mask = others[0] if others else named.pop("past_key_values", None), others[1:2]
    given = {"attention_mask": mask[0]} if mask else {}
    named.pop("encoder_hidden_states", None)
    named.pop("encoder_attention_mask", None)
    attended = block.attn(block.ln_1(hidden_states), past_key_values=keys, **given, **named)[0]
    middle = look(attended + hidden_states)
    result: Tensor = middle + block.mlp(block.ln_2(middle))
    return result


FORWARDS: dict[str, Callable[..., Tensor]] = {"llama": llama_forward, "gpt2": gpt2_forward}
