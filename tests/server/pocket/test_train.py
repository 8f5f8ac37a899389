import dataclasses
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from llmri_server.pocket.batches import PROMPT_WEIGHT, make_batch
from llmri_server.pocket.recipe import Recipe
from llmri_server.pocket.tokenizer import ASSISTANT, END, SPECIALS, VOCABULARY, train_tokenizer
from llmri_server.pocket.train import Run, export, new_run, train_step

TINY = Recipe(steps=3, practice_steps=1, rows=2, length=48, warmup=2)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(seed=0, context=128)


def steps(run: Run, count: int) -> list[float]:
    return [train_step(run) for _ in range(count)]


def test_every_digit_is_a_token_of_its_own(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.tokenize("1234 + 56") == ["1", "2", "3", "4", "Ġ+", "Ġ", "5", "6"]
    assert len(tokenizer) == VOCABULARY


def test_the_template_closes_every_message_and_opens_the_reply(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == (
        "<|begin|><|user|>Hi<|end|><|assistant|>Hello<|end|>"
    )
    opened = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
    assert opened == "<|begin|><|user|>Hi<|end|><|assistant|>"


def test_replies_weigh_one_and_all_else_little(tokenizer: PreTrainedTokenizerFast) -> None:
    batch = make_batch(tokenizer, seed=0, step=0, rows=1, length=64)
    weights = batch.weights[0].tolist()
    tokens = tokenizer.convert_ids_to_tokens(batch.ids[0].tolist())
    begin = tokens.index(ASSISTANT)
    end = tokens.index(END, begin)
    assert weights[begin] == pytest.approx(PROMPT_WEIGHT)
    assert weights[begin + 1 : end + 1] == [1.0] * (end - begin)
    assert weights[end + 1] == pytest.approx(PROMPT_WEIGHT)


def test_a_batch_depends_on_seed_and_step_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    once, again = (make_batch(tokenizer, seed=1, step=5, rows=2, length=32) for _ in range(2))
    other = make_batch(tokenizer, seed=1, step=6, rows=2, length=32)
    assert torch.equal(once.ids, again.ids)
    assert not torch.equal(once.ids, other.ids)


def test_the_rate_rises_stays_and_falls() -> None:
    recipe = Recipe(steps=1000, warmup=100, decay_share=0.3, practice_steps=100, practice_peak=0.5)
    assert recipe.rate(0) == pytest.approx(0.01)
    assert recipe.rate(500) == 1.0
    assert recipe.rate(850) == pytest.approx(0.5)
    assert recipe.rate(999) == pytest.approx(1 / 300)


def test_practice_begins_at_its_own_peak_and_falls_to_zero() -> None:
    recipe = Recipe(steps=1000, practice_steps=100, practice_peak=0.5)
    assert recipe.rate(1000) == 0.5
    assert recipe.rate(1050) == pytest.approx(0.25)
    assert recipe.rate(1100) == 0.0
    assert recipe.shares(999) != recipe.shares(1000)


def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    whole = new_run(TINY)
    losses = steps(whole, 4)
    half = new_run(TINY)
    steps(half, 2)
    half.save(tmp_path / "checkpoint.pt")
    resumed = new_run(TINY)
    resumed.resume(tmp_path / "checkpoint.pt")
    assert resumed.step == 2
    assert steps(resumed, 2) == losses[2:]


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    new_run(TINY).save(tmp_path / "checkpoint.pt")
    other = new_run(dataclasses.replace(TINY, seed=1))
    with pytest.raises(ValueError, match="another recipe"):
        other.resume(tmp_path / "checkpoint.pt")


def test_an_exported_model_loads_by_transformers_alone(tmp_path: Path) -> None:
    run = new_run(TINY)
    export(run, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert model.dtype == torch.float16
    assert tokenizer.eos_token_id == model.config.eos_token_id
    assert set(SPECIALS) <= set(tokenizer.all_special_tokens)
