from dataclasses import replace

import numpy as np
import pytest
from scipy.special import rel_entr, softmax  # type: ignore[import-untyped]

from llmri_protocol.messages import Edit
from llmri_server.measuring import RepliesCompared, comparison
from llmri_server.runtime import ChatMessage, Sampling, StoppedError
from tests.server.fakes import FakeRuntime
from tests.server.measuring.told import Told

ASKED = [ChatMessage(role="user", content="tell me a story")]
EDIT = Edit(site="resid_post", layer=0, units=(1, 2), value=-1.0)
SAMPLING = Sampling(max_new_tokens=12)


def compared(
    runtime: FakeRuntime, told: Told, *edits: Edit, sampling: Sampling = SAMPLING
) -> RepliesCompared:
    return comparison(runtime, ASKED, sampling, edits, progress=told.progress, stop=told.stop)


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_twice_gives_the_same(runtime: FakeRuntime, told: Told, temperature: float) -> None:
    sampling = replace(SAMPLING, temperature=temperature)
    assert compared(runtime, told, EDIT, sampling=sampling) == compared(
        runtime, told, EDIT, sampling=sampling
    )


def test_replies_without_edits_do_not_differ(runtime: FakeRuntime, told: Told) -> None:
    found = compared(runtime, told, sampling=replace(SAMPLING, temperature=1.0))
    assert found.plain == found.edited
    assert found.first_difference is None
    assert not any(found.kl)


def test_the_first_difference_is_where_the_replies_part(runtime: FakeRuntime, told: Told) -> None:
    found = compared(runtime, told, EDIT)
    number = found.first_difference
    assert number is not None
    assert [token.id for token in found.plain[:number]] == [token.id for token in found.edited[:number]]
    assert found.plain[number].id != found.edited[number].id
    assert found.plain_text == "".join(token.text for token in found.plain)


def test_the_divergence_at_each_token_is_that_of_both_reading_the_plain_reply(
    runtime: FakeRuntime, told: Told
) -> None:
    found = compared(runtime, told, EDIT)
    ids = list(runtime.prompt_ids(ASKED))
    assert len(found.kl) == len(found.plain)
    for token, kl in zip(found.plain, found.kl, strict=True):
        p, q = (softmax(runtime.model.run(ids, edits)[0][-1]) for edits in ((), (EDIT,)))
        assert kl == pytest.approx(rel_entr(p, q).sum(), rel=1e-4, abs=1e-6)
        ids.append(token.id)


def test_an_edit_of_the_last_position_acts_where_each_token_was_decided(
    runtime: FakeRuntime, told: Told
) -> None:
    last = Edit(site="resid_post", layer=2, units=(0,), value=0.0, positions="last")
    everywhere = Edit(site="resid_post", layer=2, units=(0,), value=0.0)  # the last layer: nothing reads on
    assert compared(runtime, told, last).kl == compared(runtime, told, everywhere).kl


def test_the_standing_edits_play_no_part(runtime: FakeRuntime, told: Told) -> None:
    before = compared(runtime, told, EDIT)
    runtime.apply_edits([Edit(site="mlp_act", layer=0, units=(0, 1, 2), value=9.0)])
    assert compared(runtime, told, EDIT) == before


def test_progress_counts_both_replies_and_stop_ends_in_the_middle_of_one(
    runtime: FakeRuntime, told: Told
) -> None:
    compared(runtime, told, EDIT)
    counts = [done for done, _, _ in told.steps]
    assert counts == sorted(counts)
    assert told.steps[-1][:2] == (25, 25)
    told.stop_after = len(told.steps) + 5
    passes: list[int] = []
    runtime.before_pass = lambda: passes.append(1)
    with pytest.raises(StoppedError):
        compared(runtime, told, EDIT)
    assert len(passes) < 6


def test_a_reply_of_nothing_has_no_divergence(runtime: FakeRuntime, told: Told) -> None:
    found = compared(runtime, told, EDIT, sampling=replace(SAMPLING, max_new_tokens=0))
    assert found == RepliesCompared((), (), "", "", None, ())
    assert np.size(found.kl) == 0
