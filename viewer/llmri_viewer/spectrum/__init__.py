"""Signals over units and tokens, and their spectra."""
