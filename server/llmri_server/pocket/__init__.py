"""`pocket`, the bundled model: its weights, what it was taught, how it is trained and marked."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"

__all__ = ["WEIGHTS"]
