"""Every site of every layer of many architectures, against a model of transformers with the same weights."""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from torch import Tensor

from llmri_protocol.messages import Edit
from llmri_server.llama_runtime.sites import ALWAYS
from llmri_server.runtime import ScanEvent
from tests.server.llama_runtime.families.conftest import Member
from tests.server.llama_runtime.families.table import FAMILIES
from tests.server.llama_runtime.turns import Everything, Generate, distance

NAMES = [family.name for family in FAMILIES]
IDS = (116, 104, 101, 32, 99, 97, 116, 5, 254, 31)
PROMPT, REPLY = "the cat sat", 5
ZEROED, RAISED, BY = (3, 11, 40), 7, 0.75

Make = Callable[[str], Member]

pytestmark = pytest.mark.parametrize("name", NAMES)


def test_the_file_computes_what_its_twin_computes(member: Make, name: str) -> None:
    """What the other tests stand on: where this fails, the file is wrong and not the runtime."""
    subject = member(name)
    logits = subject.runtime.measure(IDS, [[]], logits=len(IDS)).logits[0]
    assert distance(logits, subject.twin.run(IDS).logits) < subject.family.tolerance


def test_every_site_is_there_or_has_a_reason_not_to_be(member: Make, name: str) -> None:
    subject = member(name)
    sites = {site.name for site in subject.runtime.card.sites}
    assert sites == subject.twin.sites
    assert set(subject.runtime.card.absent) == subject.family.absent.keys() & ALWAYS


def test_every_scan_holds_what_the_twin_computes_there(
    member: Make, generate: Generate, everything: Everything, name: str
) -> None:
    """Over a prompt and over tokens that are generated, one by one."""
    subject = member(name)
    subject.runtime.capture(everything(subject.runtime))
    turn = generate(subject.runtime, PROMPT, max_new_tokens=REPLY, temperature=0.0)
    ids = [token.id for token in turn.listener.tokens][:-1]  # the last one was chosen and not read
    expected = subject.twin.run(ids).rows
    wrong = []
    for site, layer in sorted(expected):
        scans = [scan for scan in turn.listener.scans if scan.site == site]
        if not scans:
            continue  # that it is absent is tested above
        off = distance(rows_of(scans, layer), expected[site, layer])
        if not off < subject.family.tolerance:
            wrong.append(f"{site} of layer {layer} is off by {off:.2%}")
    assert not wrong


def rows_of(scans: list[ScanEvent], layer: int) -> npt.NDArray[np.float32]:
    return np.stack([scan.rows[layer] for scan in scans]).astype(np.float32)


def test_an_edit_of_any_site_does_what_it_does_to_the_twin(member: Make, name: str) -> None:
    """Some units are zeroed and one is added to, at each site of a middle layer."""
    subject = member(name)
    layer = subject.runtime.card.layers // 2
    spots = {site: spot for site, spot in subject.twin.spots.items() if spot.read is None}
    variants = [
        [
            Edit(site=site, layer=layer, units=ZEROED),
            Edit(site=site, layer=layer, units=(RAISED,), op="add", value=BY),
        ]
        for site in spots
    ]
    ours = subject.runtime.measure(IDS, variants, logits=len(IDS)).logits
    plain = subject.twin.run(IDS).logits
    for (site, spot), logits in zip(spots.items(), ours, strict=True):
        theirs = subject.twin.run(IDS, {(site, layer): partial(by_hand, BY / spot.factor)}).logits
        assert distance(logits, theirs) < subject.family.tolerance, site
        assert distance(theirs, plain) > 2 * subject.family.tolerance, f"{site} shows no edit"


def by_hand(added: float, rows: Tensor) -> Tensor:
    """Do to the twin's rows what the edits say, in its own units."""
    changed = rows.clone()
    changed[:, list(ZEROED)] = 0
    changed[:, RAISED] += added
    return changed
