"""Spectra of units that are laid out as an image."""

import numpy as np
import numpy.typing as npt
import pytest

from llmri_clustering.spectra import Detrend, amplitude_spectrum, amplitude_spectrum_2d, laid_out


def wave(shape: tuple[int, int], down: int, across: int) -> npt.NDArray[np.float64]:
    rows, columns = np.indices(shape)
    return np.cos(2 * np.pi * (down * rows / shape[0] + across * columns / shape[1]) + 0.4)


@pytest.mark.parametrize("shape", [(32, 48), (33, 47)])
@pytest.mark.parametrize("window", ["hann", "boxcar"])
@pytest.mark.parametrize(("down", "across"), [(5, 0), (0, 7), (4, 9), (4, -9)])
def test_a_plane_wave_of_amplitude_a_has_peaks_of_a_at_opposite_frequencies(
    shape: tuple[int, int], window: str, down: int, across: int
) -> None:
    found = amplitude_spectrum_2d(2 + 0.6 * wave(shape, down, across), window=window, detrend="constant")
    peaks = np.argwhere(found.amplitudes > 0.6 - 1e-9)
    places = {
        (round(found.down[row] * shape[0]), round(found.across[column] * shape[1])) for row, column in peaks
    }
    assert places == {(down, across), (-down, -across)}
    assert found.amplitudes.max() == pytest.approx(0.6)


def test_waves_that_are_their_own_opposite_have_their_amplitude_too() -> None:
    rows, columns = np.indices((8, 12))
    values = 3 + 2 * (-1.0) ** rows + 5 * (-1.0) ** columns + 7 * (-1.0) ** (rows + columns)
    found = amplitude_spectrum_2d(values, window="boxcar", detrend=None)
    assert found.down[0] == found.across[0] == -0.5
    np.testing.assert_allclose(found.amplitudes[[4, 0, 4, 0], [6, 6, 0, 0]], [3, 2, 5, 7])


def test_frequency_0_is_in_the_middle_and_frequencies_are_cycles_per_unit() -> None:
    found = amplitude_spectrum_2d(np.ones((4, 5)), window="boxcar", detrend=None)
    np.testing.assert_allclose(found.down, [-0.5, -0.25, 0, 0.25])
    np.testing.assert_allclose(found.across, [-0.4, -0.2, 0, 0.2, 0.4])
    assert found.amplitudes[2, 2] == pytest.approx(1)


def test_it_is_the_product_of_two_spectra_where_the_image_is_a_product() -> None:
    down, across = np.random.default_rng(0).normal(size=(2, 20))
    found = amplitude_spectrum_2d(np.outer(down, across), detrend=None)
    inside = slice(1, 10)
    one = amplitude_spectrum(down, detrend=None).amplitudes[inside]
    two = amplitude_spectrum(across, detrend=None).amplitudes[inside]
    np.testing.assert_allclose(found.amplitudes[11:, 11:], np.outer(one, two) / 2, atol=1e-12)


def test_a_plane_is_no_structure() -> None:
    rows, columns = np.indices((9, 14))
    tilted = 4 + 2.0 * rows - 3 * columns
    np.testing.assert_allclose(amplitude_spectrum_2d(tilted).amplitudes, 0, atol=1e-10)
    assert amplitude_spectrum_2d(tilted, detrend="constant").amplitudes.max() > 1
    np.testing.assert_allclose(amplitude_spectrum_2d(np.full((9, 14), 3.0), detrend="constant").amplitudes, 0)


def test_the_plane_is_the_one_of_least_squares() -> None:
    image = np.random.default_rng(1).normal(size=(11, 8))
    rows, columns = np.indices(image.shape)
    design = np.column_stack([np.ones(image.size), rows.ravel(), columns.ravel()])
    plane = design @ np.linalg.lstsq(design, image.ravel())[0]
    expected = amplitude_spectrum_2d(image - plane.reshape(image.shape), detrend=None)
    np.testing.assert_allclose(amplitude_spectrum_2d(image).amplitudes, expected.amplitudes, atol=1e-12)


def test_units_stand_in_their_cells_and_empty_ones_hold_the_mean() -> None:
    cells = np.array([[1, 2], [0, 0], [1, 0]], dtype=np.int32)
    image = laid_out(np.array([1.0, 2.0, 6.0], dtype=np.float32), cells, (2, 3))
    np.testing.assert_array_equal(image, [[2, 3, 3], [6, 3, 1]])


@pytest.mark.parametrize("detrend", ["linear", "constant", None])
@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((3, 9)), r"the image is \[3, 9\], expected \[rows, columns\] of at least 4 each"),
        (np.zeros(9), r"the image is \[9\], expected"),
        (np.full((5, 5), np.nan), "25 of 25 values are not finite"),
    ],
)
def test_what_is_no_image_is_refused(
    image: npt.NDArray[np.floating], detrend: Detrend | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        amplitude_spectrum_2d(image, detrend=detrend)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([[0, 0]], r"cells \[1, 2\] for values \[2\], expected \[units, 2\] and \[units\]"),
        ([[0, 0], [0, 3]], r"unit 1 stands in cell \[0, 3\], outside an image of \[2, 3\]"),
        ([[-1, 0], [0, 0]], r"unit 0 stands in cell \[-1, 0\], outside"),
    ],
)
def test_cells_outside_the_image_are_refused(cells: list[list[int]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        laid_out(np.zeros(2), np.array(cells), (2, 3))
