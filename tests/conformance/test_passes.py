"""Edits in one pass over a sequence, against edits by hand."""

import numpy as np
import pytest

from llmri_protocol.messages import Edit
from llmri_server.runtime import EditError
from tests.conformance.cases import OPERATIONS, batches, conditions, edit, editable
from tests.conformance.under_test import RuntimeUnderTest

CONVERSATION = [{"role": "user", "content": "the cat"}]
REPLY = (104, 101, 0, 99)  # a special token among them
SITES = ("resid_pre", "resid_mid", "resid_post", "attn_out", "z", "mlp_act", "mlp_out")


def sequence(subject: RuntimeUnderTest) -> tuple[tuple[int, ...], int]:
    """Return the tokens of a prompt and a reply, and how many are prompt."""
    prompt = subject.runtime.prompt_ids(CONVERSATION)  # type: ignore[arg-type]
    return (*prompt, *REPLY), len(prompt)


def everywhere(subject: RuntimeUnderTest) -> tuple[tuple[str, tuple[int, ...]], ...]:
    layers = tuple(range(subject.runtime.card.layers))
    return tuple((site.name, layers) for site in subject.runtime.card.sites)


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("name", SITES)
def test_every_condition_at_every_site(one_engine: RuntimeUnderTest, name: str, op: str) -> None:
    (site,) = [site for site in editable(one_engine.runtime.card) if site.name == name]
    ids, prompt = sequence(one_engine)
    edits = [edit(site, 1, op, 0, **condition) for condition in conditions(len(ids))]
    one_engine.runtime.check_edits(edits)
    changed = 0
    for variants in batches(edits):
        given = one_engine.runtime.measure(ids, variants, logits=len(ids), prompt=prompt)
        expected = one_engine.reference.measure(ids, variants, logits=len(ids), prompt=prompt)
        one_engine.assert_same(given, expected)
        changed += len({row.tobytes() for row in given.logits})
    assert changed > 10  # the conditions do differ


def test_every_operation_at_every_site_of_every_family(any_engine: RuntimeUnderTest) -> None:
    ids, prompt = sequence(any_engine)
    sites = everywhere(any_engine)
    plain = any_engine.runtime.measure(ids, [[]], logits=len(ids))
    for site in editable(any_engine.runtime.card):
        variants = [[edit(site, layer, op, shift=layer)] for op in OPERATIONS for layer in (0, 2)]
        given = any_engine.runtime.measure(ids, variants, sites=sites, logits=len(ids), prompt=prompt)
        expected = any_engine.reference.measure(ids, variants, sites=sites, logits=len(ids), prompt=prompt)
        any_engine.assert_same(given, expected)
        for logits in given.logits:
            assert not any_engine.same(logits, plain.logits[0])


def test_a_set_alone_in_its_batch_does_the_same(any_engine: RuntimeUnderTest) -> None:
    ids, prompt = sequence(any_engine)
    for number, site in enumerate(editable(any_engine.runtime.card)):
        edits = [
            edit(site, 1, OPERATIONS[number % len(OPERATIONS)], positions="last", special=number % 2 > 0)
        ]
        given = any_engine.runtime.measure(ids, [edits], logits=3, prompt=prompt)
        any_engine.assert_same(given, any_engine.reference.measure(ids, [edits], logits=3, prompt=prompt))


def test_several_sites_layers_and_conditions_in_one_set(any_engine: RuntimeUnderTest) -> None:
    ids, prompt = sequence(any_engine)
    edits = [
        edit(site, layer, op, shift=3 * number + layer, **condition)
        for number, (op, site) in enumerate(
            zip(OPERATIONS * 2, editable(any_engine.runtime.card) * 2, strict=False)
        )
        for layer, condition in (
            (0, {}),
            (1, {"positions": "generated"}),
            (1, {"since": 3, "special": False}),
        )
    ]
    variants = [edits, list(reversed(edits)), []]
    sites = everywhere(any_engine)
    given = any_engine.runtime.measure(ids, variants, sites=sites, logits=len(ids), prompt=prompt)
    any_engine.assert_same(
        given, any_engine.reference.measure(ids, variants, sites=sites, logits=len(ids), prompt=prompt)
    )


def test_steers_act_in_order_before_units_and_the_latest_edit_of_a_unit_wins(
    one_engine: RuntimeUnderTest,
) -> None:
    ids, prompt = sequence(one_engine)
    (site,) = [site for site in editable(one_engine.runtime.card) if site.name == "resid_post"]
    edits = [
        edit(site, 1, "scale", value=0.0),
        edit(site, 1, "steer", shift=1),
        edit(site, 1, "steer", shift=2, value=-1e3),
        edit(site, 1, "steer", shift=1, value=0.3),
        edit(site, 1, "add", units=(5, 6), positions="last"),
    ]
    sites = (("resid_post", (1,)),)
    given = one_engine.runtime.measure(ids, [edits], sites=sites, prompt=prompt)
    one_engine.assert_same(given, one_engine.reference.measure(ids, [edits], sites=sites, prompt=prompt))
    assert (given.rows["resid_post"][0, :, 0, 0] == 0).all()


@pytest.mark.parametrize("name", SITES)
def test_a_thousand_edits_at_once(one_engine: RuntimeUnderTest, name: str) -> None:
    ids, prompt = sequence(one_engine)
    (site,) = [site for site in editable(one_engine.runtime.card) if site.name == name]
    ops = [op for op in OPERATIONS if op != "steer"]
    edits = [
        edit(
            site,
            layer,
            ops[(number + layer) % len(ops)],
            units=(unit,),
            value=number / 500 - 1,
            seed=number % 3,
        )
        for layer in range(one_engine.runtime.card.layers)
        for number, unit in enumerate(list(range(site.width)) * 8)
    ]
    given = one_engine.runtime.measure(ids, [edits], logits=len(ids), prompt=prompt)
    one_engine.assert_same(given, one_engine.reference.measure(ids, [edits], logits=len(ids), prompt=prompt))


def test_units_that_no_edit_names_keep_their_bits(any_engine: RuntimeUnderTest) -> None:
    """Also where other units of the place are added to, replaced or ramped."""
    ids, prompt = sequence(any_engine)
    for site in editable(any_engine.runtime.card):
        wanted = ((site.name, (1,)),)
        plain = any_engine.runtime.measure(ids, [[]], sites=wanted, prompt=prompt).rows[site.name][0, :, 0]
        edits = [edit(site, 1, op, units=(number,)) for number, op in enumerate(OPERATIONS) if op != "steer"]
        given = any_engine.runtime.measure(ids, [edits], sites=wanted, prompt=prompt).rows[site.name][0, :, 0]
        assert any_engine.same(given[:, 5:], plain[:, 5:])
        assert not np.array_equal(given[:, :5], plain[:, :5])


def test_a_variant_feels_its_own_edits_and_never_the_standing_ones(one_engine: RuntimeUnderTest) -> None:
    ids, _ = sequence(one_engine)
    (site,) = [site for site in editable(one_engine.runtime.card) if site.name == "mlp_act"]
    own = [edit(site, 1, "set"), edit(site, 0, "add")]
    before = one_engine.runtime.measure(ids, [own, []])
    one_engine.runtime.apply_edits([edit(site, 1, "scale", value=0.0), edit(site, 2, "steer")])
    one_engine.assert_same(one_engine.runtime.measure(ids, [own, []]), before)


def test_heads_are_where_the_card_says(any_engine: RuntimeUnderTest) -> None:
    """A head of `z` alone decides what its columns of the output projection write."""
    for site in any_engine.runtime.card.sites:
        assert site.heads == (any_engine.runtime.card.heads if site.name == "z" else 0)
        assert not site.heads or site.width % site.heads == 0


@pytest.mark.parametrize(
    "wrong",
    [
        Edit(site="nose", layer=0, units=(0,)),
        Edit(site="resid_post", layer=99, units=(0,)),
        Edit(site="mlp_act", layer=0, units=(4096,)),
        Edit(site="resid_post", layer=0, heads=(0,)),
        Edit(site="resid_post", layer=0, op="steer", direction=(1.0,)),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(one_engine: RuntimeUnderTest, wrong: Edit) -> None:
    right = Edit(site="resid_post", layer=0, units=(0,))
    with pytest.raises(EditError, match="edit 2 of 2"):
        one_engine.runtime.check_edits([right, wrong])
