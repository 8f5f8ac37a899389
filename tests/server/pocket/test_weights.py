"""What is promised of the bundled weights; the card's numbers come from more questions than these."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from llmri_server.pocket import WEIGHTS
from llmri_server.pocket.questions import questions
from llmri_server.pocket.score import REQUIRED, mark
from llmri_server.pocket.skills import SKILLS, Skill

MOST_BYTES = 16 << 20


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(WEIGHTS, dtype="float32")
    return loaded


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(WEIGHTS)
    return loaded


def test_the_model_is_small_and_in_half_precision() -> None:
    stored = AutoModelForCausalLM.from_pretrained(WEIGHTS)
    assert stored.dtype is torch.float16
    assert 3e6 <= stored.num_parameters() <= 7e6
    assert stored.config.num_hidden_layers == 8
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) <= MOST_BYTES


def test_the_card_gives_data_recipe_and_marks() -> None:
    card = (WEIGHTS / "README.md").read_text(encoding="utf-8")
    assert all(heading in card for heading in ("## Data", "## Recipe", "## Marks", "seed"))
    assert all(skill.name in card for skill in SKILLS)


@pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)
def test_a_skill_is_as_good_as_required_on_held_out_questions(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, skill: Skill
) -> None:
    result = mark(model, tokenizer, skill, questions(skill, each=100, seed=0))
    assert result.share >= REQUIRED.get(skill.name, 0.9), result.wrong[:5]


def test_a_conversation_of_several_turns_goes_on(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    messages = [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "The capital of France is Paris."},
        {"role": "user", "content": "What is 37 plus 45?"},
    ]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(str(text), add_special_tokens=False, return_tensors="pt")["input_ids"]
    output = model.generate(ids, max_new_tokens=32, do_sample=False)  # type: ignore[operator]
    assert tokenizer.decode(output[0, ids.shape[1] :]) == "37 + 45 = 82.<|end|>"


def test_generation_ends_at_the_end_of_the_turn() -> None:
    configured = json.loads((WEIGHTS / "generation_config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    assert configured["eos_token_id"] == tokenizer.convert_tokens_to_ids("<|end|>")
