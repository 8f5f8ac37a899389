"""Colours: of values, of the window, of clusters."""
