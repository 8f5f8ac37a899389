"""What a build takes in memory, told before it is begun."""

from llmri_clustering.agglomeration.average import SINGLE

PROGRAM = 120_000_000  # bytes of a process that has built a clustering of a few units
COPIES = 3  # of the standardised units, at most at once: those of a part left, or in another order
OF_A_UNIT = 1600  # bytes of candidates, nodes, places and circles
PER_VALUE = 4  # bytes in float32


def peak_bytes(units: int, samples: int) -> int:
    """Return about what a process takes at most that builds a clustering, in bytes, its samples not counted.

    By measurement on blocks in families, 512 samples: with the samples 0.19, 0.29, 0.50 and 0.94 GB for the
    trees of 16,384 to 131,072 units, and 1.14 GB for the layout of 131,072.

    Args:
        units: How many units take part.
        samples: How many samples.
    """
    rows = PER_VALUE * units * samples
    if rows > SINGLE:
        rows //= 2  # held in half precision
    return PROGRAM + COPIES * rows + OF_A_UNIT * units
