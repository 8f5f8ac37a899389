"""llama.cpp gives what PyTorch gives on a file that our exporter made, with and without edits."""

from itertools import product

import numpy as np
import pytest

from llmri.compare.comparison import compare, tokens_of
from llmri.compare.difference import relative_errors
from llmri_protocol.messages import Edit
from llmri_server.runtime import Runtime
from llmri_server.runtimes.common.calibration import calibration_text
from tests.conformance.cases import OPERATIONS, edit, editable

MOST = 2e-3  # relative, of each site and layer
TOKENS = 40


@pytest.fixture(scope="session")
def ids(reference: Runtime, exported: dict[str, Runtime]) -> tuple[int, ...]:
    return tokens_of(reference, exported, calibration_text(reference.card), TOKENS)


def test_float16_scans_are_pytorchs_at_every_site_and_layer(
    reference: Runtime, exported: dict[str, Runtime], ids: tuple[int, ...]
) -> None:
    (compared,) = compare(reference, {"F16": exported["F16"]}, ids)
    assert compared.absent == ()
    assert set(compared.sites) == {site.name for site in reference.card.sites}
    for site, errors in compared.sites.items():
        assert errors.shape == (8,)
        assert errors.max() < MOST, site
    assert compared.predictions.error < MOST


@pytest.mark.parametrize("operation", OPERATIONS)
def test_float16_scans_are_pytorchs_under_edits(
    reference: Runtime, exported: dict[str, Runtime], ids: tuple[int, ...], operation: str
) -> None:
    sites = editable(reference.card)
    variants: list[list[Edit]] = [[edit(site, layer, operation)] for site, layer in product(sites, (0, 4, 7))]
    wanted = tuple((site.name, tuple(range(8))) for site in sites)
    both = [
        runtime.measure(ids, variants, sites=wanted, logits=TOKENS)
        for runtime in (reference, exported["F16"])
    ]
    for number, variant in enumerate(variants):
        for site, _ in wanted:
            errors = relative_errors(*(one.rows[site][number] for one in both))
            assert errors.max() < MOST, (variant, site)
        logits = relative_errors(*(one.logits[number][:, None] for one in both))
        assert logits.max() < MOST, variant


def test_fewer_bits_are_further_away_everywhere(
    reference: Runtime, exported: dict[str, Runtime], ids: tuple[int, ...]
) -> None:
    half, eight, four = compare(reference, exported, ids)
    for site in half.sites:
        assert (half.sites[site] <= eight.sites[site]).all(), site
        assert (eight.sites[site] <= four.sites[site]).all(), site
    assert half.predictions.divergence < eight.predictions.divergence < four.predictions.divergence
    assert np.mean([errors.mean() for errors in four.sites.values()]) < 0.2
