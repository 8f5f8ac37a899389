"""Checkpoints of every kind: read from their headers, decoded, reduced, compared. It needs numpy, and no torch."""
