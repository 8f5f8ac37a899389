"""Checkpoints of every kind: read from their headers, decoded, reduced, compared; numpy, and no torch."""
