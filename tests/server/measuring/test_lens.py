import numpy as np
import pytest
from scipy.special import rel_entr, softmax  # type: ignore[import-untyped]
from scipy.stats import entropy  # type: ignore[import-untyped]

from llmri_protocol.messages import Candidate, Edit, LensLayer
from llmri_server.measuring import logit_lens
from llmri_server.runtime import StoppedError
from llmri_server.service.transcript import TokenPosition
from tests.server.fakes import LAYERS, FakeRuntime
from tests.server.measuring.told import Told

IDS = (4, 8, 15, 16, 23)
PLACE = TokenPosition(turn=1, token=4, ids=IDS, came=42, prompt=3)


def read(runtime: FakeRuntime, told: Told, *edits: Edit) -> tuple[tuple[LensLayer, ...], Candidate | None]:
    [lens] = logit_lens(runtime, PLACE, edits, 4, progress=told.progress, stop=told.stop)
    assert (lens.token, lens.positions) == (4, len(IDS))
    return lens.layers, lens.came


def test_a_span_is_each_of_its_tokens(runtime: FakeRuntime, told: Told) -> None:
    edit = Edit(site="resid_post", layer=0, units=(1,), value=-1.0)
    span = list(logit_lens(runtime, PLACE, [edit], 4, first=1, progress=told.progress, stop=told.stop))
    assert [(lens.token, lens.positions) for lens in span] == [(1, 2), (2, 3), (3, 4), (4, 5)]
    for lens in span:
        came = IDS[lens.token + 1] if lens.token < 4 else 42
        alone = TokenPosition(turn=1, token=lens.token, ids=IDS[: lens.positions], came=came, prompt=3)
        [one] = logit_lens(runtime, alone, [edit], 4, progress=told.progress, stop=told.stop)
        assert [layer.top[0].id for layer in lens.layers] == [layer.top[0].id for layer in one.layers]
        assert [layer.rank for layer in lens.layers] == [layer.rank for layer in one.layers]
        assert lens.came is not None
        assert lens.came.id == came


def test_each_layer_is_what_numpy_makes_of_its_output(runtime: FakeRuntime, told: Told) -> None:
    layers, came = read(runtime, told)
    _, seen = runtime.model.run(IDS)
    each = [softmax(runtime.model.unembedded(seen["resid_post", layer][-1])) for layer in range(LAYERS)]
    for layer, p in zip(layers, each, strict=True):
        assert [c.id for c in layer.top] == np.argsort(-p)[:4].tolist()
        assert [np.exp(c.logprob) for c in layer.top] == pytest.approx(
            np.sort(p)[::-1][:4].tolist(), rel=1e-4
        )
        assert layer.entropy == pytest.approx(entropy(p), rel=1e-4)
        assert layer.kl == pytest.approx(rel_entr(each[-1], p).sum(), rel=1e-4, abs=1e-6)
        assert layer.rank == (p > p[42]).sum()
    assert came is not None
    assert came.logprob == layers[-1].logprob == pytest.approx(np.log(each[-1][42]), rel=1e-4)


def test_the_last_layer_is_the_models_own_answer(runtime: FakeRuntime, told: Told) -> None:
    layers, _ = read(runtime, told)
    assert layers[-1].kl == 0
    assert layers[-1].top[0].id == runtime.measure(IDS, [()]).logits[0, -1].argmax()


def test_an_edit_of_the_last_position_acts_as_it_did_while_the_reply_was_written(
    runtime: FakeRuntime, told: Told
) -> None:
    edit = Edit(site="resid_post", layer=0, units=(1, 2), value=-1.0, positions="last")
    here = Edit(site="resid_post", layer=0, units=(1, 2), value=-1.0, positions=(2, 3, 4))
    assert read(runtime, told, edit) == read(runtime, told, here)


def test_it_can_be_stopped(runtime: FakeRuntime, told: Told) -> None:
    told.stop.set()
    with pytest.raises(StoppedError):
        read(runtime, told)
