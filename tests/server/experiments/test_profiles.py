import numpy as np
import pytest
import torch

from llmri_server.experiments.profiles import Profile, reply_profile
from llmri_server.experiments.replies import conversation_of
from llmri_server.pocket.answers import chat_texts
from llmri_server.torch_runtime import TorchRuntime


def test_the_means_are_those_of_all_recordings_together() -> None:
    rng = np.random.default_rng(0)
    recordings = [rng.normal(size=(n, 3, 5)).astype(np.float32) for n in (1, 7, 4)]
    profile, together = Profile.of(recordings), np.concatenate(recordings)
    np.testing.assert_allclose(profile.magnitude, np.abs(together).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(profile.square, np.square(together).mean(axis=0), rtol=1e-6)


def test_no_recording_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Profile.of([])


def test_only_the_positions_that_decide_the_reply_count(pocket: TorchRuntime) -> None:
    prompt, reply = "What is 2 plus 3?", "2 + 3 = 5."
    profile = reply_profile(pocket, "mlp_act", [pocket.given_reply(conversation_of(prompt), reply)])
    text = chat_texts(pocket.tokenizer, [prompt])[0]
    asked, whole = (
        pocket.tokenizer(each, add_special_tokens=False)["input_ids"] for each in (text, text + reply)
    )
    with pocket.record("mlp_act") as recording, torch.inference_mode():
        pocket.model(input_ids=torch.tensor([whole]))
    rows = recording.rows[len(asked) - 1 :]
    assert profile.positions == len(whole) - len(asked) + 1
    np.testing.assert_allclose(profile.magnitude, np.abs(rows).mean(axis=0), rtol=1e-5)
