"""Spectra over units as they are laid out, and over tokens."""

from llmri_clustering.spectra.activation import mean_activation
from llmri_clustering.spectra.bands import band_powers
from llmri_clustering.spectra.plane import PlaneSpectrum, amplitude_spectrum_2d, laid_out
from llmri_clustering.spectra.spectrogram import Spectrogram, spectrogram
from llmri_clustering.spectra.spectrum import Detrend, Spectrum, amplitude_spectrum

__all__ = [
    "Detrend",
    "PlaneSpectrum",
    "Spectrogram",
    "Spectrum",
    "amplitude_spectrum",
    "amplitude_spectrum_2d",
    "band_powers",
    "laid_out",
    "mean_activation",
    "spectrogram",
]
