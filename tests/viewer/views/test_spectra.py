"""Spectra and what they are taken of: true to scipy's, without their mean, and over gaps."""

import subprocess
import sys

import numpy as np
import pytest
import scipy  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.spectra import amplitude_spectrum, spectrogram
from llmri_viewer.drawing.spectra import graph
from llmri_viewer.model.history.store import ScanRows, ScanStore, TokenRef
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.views.values import signals, spectra
from llmri_viewer.views.values.signals import Course, Signal
from llmri_viewer.views.values.spectra import curve, moving, octaves


def along_tokens(values: np.ndarray) -> Signal:
    columns = values[:, None] if values.ndim == 1 else values
    return Signal("token", np.arange(len(values)), columns.astype(np.float32), of=columns.shape[1])


def test_the_first_spectrum_loads_no_library_once_prepared() -> None:
    program = (
        "import sys; import numpy as np; from llmri_viewer.views.values import signals, spectra\n"
        "spectra.prepare().join(); known = set(sys.modules)\n"
        "spectra.curve(signals.Signal('token', np.arange(32), np.eye(32, 1, dtype='f4')))\n"
        "print(sorted(set(sys.modules) - known))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_large_mean_does_not_squash_the_picture() -> None:
    tokens = np.arange(128)
    wave = np.sin(2 * np.pi * tokens / 8)
    plain, lifted = curve(along_tokens(wave)), curve(along_tokens(wave + 1000 + 0.5 * tokens))
    assert plain is not None
    assert lifted is not None
    np.testing.assert_allclose(lifted.amplitudes, plain.amplitudes, atol=5e-3)
    assert lifted.amplitudes.max() == pytest.approx(1, rel=0.02)
    assert lifted.frequencies[lifted.amplitudes.argmax()] == 1 / 8
    box = Box(0, 0, 400, 200)
    assert graph.vertical(lifted, box, log=False, clip=False).high < 2


def test_several_series_are_averaged_by_their_power() -> None:
    values = np.random.default_rng(3).standard_normal((96, 5)).astype(np.float32)
    found = curve(along_tokens(values))
    assert found is not None
    each = [amplitude_spectrum(series.astype(np.float64)).amplitudes[1:] for series in values.T]
    np.testing.assert_allclose(found.amplitudes, np.sqrt(np.mean(np.square(each), axis=0)), rtol=1e-6)


def test_values_in_random_order_stay_around_the_dashed_line() -> None:
    rng = np.random.default_rng(5)
    values = rng.standard_t(4, 4096)
    found = [curve(along_tokens(rng.permutation(values))) for _ in range(8)]
    for one in found:
        assert one is not None
        assert np.sqrt(np.mean(one.amplitudes**2)) == pytest.approx(one.flat, rel=0.06)


def test_bands_are_octaves_and_hold_all_the_power() -> None:
    found = curve(along_tokens(np.sin(2 * np.pi * np.arange(256) / 6)))
    assert found is not None
    assert found.shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.edges[-3:], [0.125, 0.25, 0.5])
    assert found.shares[-2] > 0.99, "a period of 6 lies from 4 to 8"
    assert (np.diff(octaves(1 / 9, 0.5)) > 0).all()


def test_the_spectrogram_is_that_of_the_clustering_package_and_of_scipy() -> None:
    series = np.random.default_rng(1).standard_normal(100)
    found = moving(along_tokens(series))
    assert found is not None
    assert found.length == 32
    own = spectrogram(series.astype(np.float32), length=32, step=1)
    np.testing.assert_allclose(found.middles, own.tokens)
    np.testing.assert_allclose(found.amplitudes, own.amplitudes[1:], rtol=1e-5, atol=1e-8)
    _, _, theirs = scipy.signal.spectrogram(
        series.astype(np.float32),
        window="hann",
        nperseg=32,
        noverlap=31,
        detrend="linear",
        mode="magnitude",
        scaling="spectrum",
    )
    np.testing.assert_allclose(found.amplitudes[:-1], 2 * theirs[1:-1], rtol=1e-3, atol=1e-5)


def test_tokens_without_a_scan_are_bridged_and_counted() -> None:
    store = ScanStore(1 << 24)
    for token in (0, 1, 2, 4, 5, 6, 7, 8, 9, 10):
        store.add_scan(TokenRef(1, token), "mlp_act", ScanRows((0,), np.full((1, 4), token, np.float32)))
    found = signals.along_turn(Course("mlp_act", 1, 0, 4, change=False), store, store.revision)
    assert found is not None
    assert found.missing == 1
    np.testing.assert_array_equal(found.places, np.arange(11))
    np.testing.assert_allclose(found.values[:, 0], np.arange(11))


def test_scans_of_every_second_token_make_steps_of_two() -> None:
    store = ScanStore(1 << 24)
    for token in range(0, 40, 2):
        store.add_scan(TokenRef(1, token), "mlp_act", ScanRows((0,), np.full((1, 4), token % 8, np.float32)))
    found = signals.along_turn(Course("mlp_act", 1, 0, 4, change=False), store, store.revision)
    assert found is not None
    assert (found.missing, spectra.step_of(found)) == (0, 2.0)
    shape = curve(found)
    assert shape is not None
    assert shape.frequencies[-1] == 0.25
