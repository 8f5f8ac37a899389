import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmri_server.measuring.distributions import divergence, logprobs, shifts
from tests.server.fakes import FakeRuntime

some_logits = arrays(np.float32, 12, elements=st.floats(-50, 50, width=32))


@given(some_logits)
def test_logprobs_are_those_of_torch(logits: np.ndarray) -> None:
    expected = torch.log_softmax(torch.tensor(logits, dtype=torch.float64), dim=-1)
    np.testing.assert_allclose(logprobs(logits), expected, atol=1e-12)


@given(some_logits, some_logits)
def test_divergence_is_that_of_torch_and_never_negative(plain: np.ndarray, edited: np.ndarray) -> None:
    p, q = (torch.log_softmax(torch.tensor(each, dtype=torch.float64), dim=-1) for each in (plain, edited))
    expected = torch.nn.functional.kl_div(q, p, log_target=True, reduction="sum")
    found = divergence(logprobs(plain), logprobs(edited))
    assert found >= 0
    assert found == pytest.approx(float(expected), rel=1e-9, abs=1e-12)


def test_huge_logits_stay_finite() -> None:
    logits = np.array([3e38, -3e38, 0], dtype=np.float32)
    assert logprobs(logits)[0] == 0


def test_shifts_are_ordered_by_the_change_of_probability() -> None:
    plain, edited = (
        logprobs(np.log(np.array(p, dtype=np.float32)))
        for p in ([0.5, 0.3, 0.1, 0.1], [0.1, 0.35, 0.45, 0.1])
    )
    edited[3] = plain[3]  # but for rounding it neither gains nor loses
    gains, losses = shifts(FakeRuntime(), plain, edited)
    assert [shift.id for shift in gains] == [2, 1]
    assert [shift.id for shift in losses] == [0]
    assert losses[0].text == "w0 "
    assert (losses[0].before, losses[0].after) == (plain[0], edited[0])
