"""From messages to samples, without a server."""

from collections.abc import Iterable

import numpy as np
import pytest

from llmri.cluster.collection import MOST_CORRELATED, Collector, collected
from llmri_clustering.samples import TurnText
from llmri_clustering.units import UnitSet
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import Edit, Edits, Notice, Scan, ServerMessage, Token, TurnStart
from tests.llmri.cluster.messages import LAYERS, SITE, WIDTH, scan, turn

UNITS = len(LAYERS) * WIDTH
WORDS = ("<s>", "one", " two", " three")


def collector(
    *, keep: int = 100, protected: int | None = None, first_tokens: bool = False, announced_only: bool = False
) -> Collector:
    left_out = np.arange(UNITS) == (-1 if protected is None else protected)
    return Collector(
        UnitSet.of_layers(SITE, LAYERS, WIDTH),
        left_out=left_out,
        keep=keep,
        first_tokens=first_tokens,
        announced_only=announced_only,
    )


def take(into: Collector, messages: Iterable[ServerMessage]) -> list[Scan]:
    """Hand messages over; give the scans among them."""
    scans = []
    for message in messages:
        into.take(message)
        scans += [message] if isinstance(message, Scan) else []
    return scans


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_every_scan_but_the_first_tokens_is_a_sample_in_order(rng: np.random.Generator) -> None:
    ours = collector()
    scans = take(ours, [*turn(7, WORDS, rng), *turn(8, WORDS, rng, new=False)])
    samples = ours.samples()
    wanted = [message for message in scans if message.token > 0]
    np.testing.assert_array_equal(samples.values, [array_of(message).ravel() for message in wanted])
    assert samples.turn.tolist() == [7, 7, 7, 8, 8, 8]
    assert samples.token.tolist() == [1, 2, 3, 1, 2, 3]
    assert samples.texts[7] == TurnText(WORDS)
    assert (ours.turns, ours.count, ours.tally.first_tokens) == (2, 6, 2)


def test_first_tokens_count_where_that_is_asked_for(rng: np.random.Generator) -> None:
    ours = collector(first_tokens=True)
    take(ours, turn(1, WORDS, rng))
    assert ours.samples().token.tolist() == [0, 1, 2, 3]
    assert not collected(ours, "m", {}).left_out


def test_the_correlation_is_that_of_the_samples_however_few_are_kept(rng: np.random.Generator) -> None:
    ours = collector(keep=5)
    scans = take(ours, (message for number in range(20) for message in turn(number, WORDS, rng)))
    values = np.array([array_of(message).ravel() for message in scans if message.token > 0])
    assert ours.correlation is not None
    np.testing.assert_allclose(ours.correlation.correlation(), np.corrcoef(values.T), atol=1e-6)
    samples = ours.samples()
    assert len(samples) == ours.kept == 5
    order = np.lexsort((samples.token, samples.turn))
    assert order.tolist() == list(range(5)), "the samples kept are not in the order they came"
    assert "all but 5 of 60 samples" in collected(ours, "m", {}).left_out[-1]


def test_the_samples_kept_are_a_fair_choice() -> None:
    kept = np.zeros(30)
    for seed in range(400):
        ours = Collector(
            UnitSet.of_layers(SITE, LAYERS, WIDTH), left_out=np.zeros(UNITS, np.bool_), keep=10, seed=seed
        )
        ours.take(TurnStart(turn=1, prompt="", time=0.0))
        for token in range(1, 31):
            ours.take(scan(1, token, np.full((len(LAYERS), WIDTH), token, np.float32)))
        kept[ours.samples().token - 1] += 1
    # Each is kept in a third of the 400 runs: 133, with a deviation of 9.4.
    assert (abs(kept - 400 / 3) < 4.5 * 9.4).all(), kept


def test_a_turn_that_is_joined_in_the_middle_is_left_out_and_told(rng: np.random.Generator) -> None:
    ours = collector()
    take(ours, list(turn(1, WORDS, rng))[3:])
    take(ours, turn(2, WORDS, rng))
    assert set(ours.samples().turn.tolist()) == {2}
    assert ours.turns == 1
    assert "turns that had begun before: 4 scans" in collected(ours, "m", {}).left_out


def test_only_announced_turns_count_where_we_talk_ourselves(rng: np.random.Generator) -> None:
    ours = collector(announced_only=True)
    ours.announce(5, "mathematics")
    take(ours, [*turn(4, WORDS, rng), *turn(5, WORDS, rng)])
    assert set(ours.samples().turn.tolist()) == {5}
    assert ours.samples().texts[5].group == "mathematics"
    assert ours.turns == 1
    assert "turns that somebody else began: 4 scans" in collected(ours, "m", {}).left_out


def test_turns_are_named_by_the_order_in_which_they_were_heard(rng: np.random.Generator) -> None:
    ours = collector()
    take(ours, turn(10, WORDS[:1], rng))  # its only token is a first one
    take(ours, (message for number in (11, 12, 13) for message in turn(number, WORDS, rng)))
    assert ours.turns == 3
    texts = ours.samples({"sums": (1, 3, 9), "poems": (2,)}).texts
    assert [texts[number].group for number in (11, 12, 13)] == ["sums", "poems", "sums"]


def test_scans_that_are_not_what_was_asked_for_do_no_harm(rng: np.random.Generator) -> None:
    ours = collector()
    ours.take(TurnStart(turn=1, prompt="", time=0.0))
    bad = rng.normal(size=(len(LAYERS), WIDTH)).astype(np.float32)
    bad[1, 2] = np.nan
    ours.take(scan(1, 1, bad))
    ours.take(scan(1, 2, np.ones((1, WIDTH), np.float32)))
    ours.take(scan(1, 3, np.ones((len(LAYERS), WIDTH), np.float32), site="mlp_out"))
    assert (ours.count, ours.tally.broken) == (0, 3)


def test_protected_units_take_no_part_and_are_told(rng: np.random.Generator) -> None:
    ours = collector(protected=3)
    take(ours, turn(1, WORDS, rng))
    assert ours.correlation is not None
    assert np.flatnonzero(ours.correlation.left_out).tolist() == [3]
    assert "protected units: 1" in collected(ours, "m", {}).left_out


def test_dropped_scans_edits_and_an_early_end_are_warned_of(rng: np.random.Generator) -> None:
    ours = collector()
    edit = Edit(site=SITE, layer=1, units=(0,))
    ours.take(Edits(edits=(edit,), revision=1, undoable=1, redoable=0, by="x"))
    take(ours, turn(1, WORDS, rng))
    ours.take(Edits(edits=(), revision=2, undoable=0, redoable=0, by="x"))
    take(ours, turn(2, WORDS, rng))
    ours.take(Notice(level="warning", message="", dropped=12))
    assert collected(ours, "m", {}, "you ended it").warnings == (
        "The collection ended after 2 turns and 6 samples: you ended it.",
        "The server dropped 12 scans that this program was too slow to take.",
        "3 samples came while units of the model were edited.",
    )


def test_a_token_of_a_turn_nobody_began_is_not_kept() -> None:
    ours = collector()
    ours.take(Token(turn=3, token=0, phase="generate", id=1, text="x"))
    assert not ours.samples().texts


def test_a_unit_that_is_found_protected_later_is_as_if_it_had_been_from_the_start(
    rng: np.random.Generator,
) -> None:
    messages = [*turn(7, WORDS * 30, rng), *turn(8, WORDS * 30, rng)]
    late, early = collector(), collector(protected=3)
    take(late, messages[: len(messages) // 2])
    late.leave_out(np.arange(UNITS) == 3)
    take(late, messages[len(messages) // 2 :])
    take(early, messages)
    np.testing.assert_array_equal(late.left_out, early.left_out)
    assert late.correlation is not None
    assert early.correlation is not None
    np.testing.assert_array_equal(late.correlation.left_out, early.correlation.left_out)
    np.testing.assert_allclose(late.correlation.correlation(), early.correlation.correlation(), atol=1e-6)
    assert not late.correlation.constant[3]
    assert collected(late, "m", {}).left_out == collected(early, "m", {}).left_out


def test_of_very_many_units_no_correlation_of_all_pairs_is_kept() -> None:
    units = UnitSet.of_layers("mlp_act", (0,), MOST_CORRELATED + 1)
    ours = Collector(units, left_out=np.zeros(len(units), np.bool_), keep=4)
    assert ours.correlation is None
    ours.leave_out(np.arange(len(units)) == 5)
    assert np.flatnonzero(ours.left_out).tolist() == [5]
