"""The panels: each draws its part of the window from the state and the store."""
