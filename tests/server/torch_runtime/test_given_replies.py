import pytest
import torch
from transformers import PreTrainedTokenizerFast

from llmri_server.pocket.answers import chat_texts
from llmri_server.runtime import GivenReply
from llmri_server.torch_runtime.given_replies import force, logits
from llmri_server.torch_runtime.keeping import measure_caches
from tests.recurrent_models import RECURRENT
from tests.server.torch_runtime.tiny_models import byte_tokenizer, tiny_model

PROMPTS, REPLIES = ("hi", "a longer one"), ("a longer reply", "ok")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer()


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2", "opt", "jamba", "bamba"])
def test_two_padded_passes_give_the_logits_of_one_pass_each(
    kind: str, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = tiny_model(kind, torch.float32, **(RECURRENT.get(kind, {}) if kind in ("jamba", "bamba") else {}))
    given = []
    for text, reply in zip(chat_texts(tokenizer, PROMPTS), REPLIES, strict=True):
        asked = tokenizer(text, add_special_tokens=False)["input_ids"]
        whole = tokenizer(text + reply, add_special_tokens=False)["input_ids"]
        given.append(GivenReply(tuple(asked), tuple(whole[len(asked) :])))
    forced = force(model, given)
    found = logits(model, forced, at_once=measure_caches(model, 128).whole.goes_on)
    assert found.shape[:2] == forced.deciding.shape
    for row, each in enumerate(given):
        with torch.inference_mode():
            ids = torch.tensor([each.prompt + each.reply])
            alone = model(input_ids=ids).logits[0, len(each.prompt) - 1 :]
        deciding = forced.deciding[row].bool()
        assert int(deciding.sum()) == len(each.reply) + 1
        torch.testing.assert_close(found[row][deciding], alone, atol=1e-4, rtol=1e-4)
