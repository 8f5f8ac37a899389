"""The spectral view: a signal, and its spectrum as a curve or an image."""
