"""Floating-point numbers of up to sixteen bits, looked up in a table of every bit pattern.

Sources: IEEE 754-2019 for half; Micikevicius et al. 2022, "FP8 Formats for Deep Learning", for E4M3 and E5M2;
the OCP Microscaling Formats 1.0 specification (2023) for E8M0 and E2M1; Noune et al. 2022 for the kinds
without infinities and negative zero (`FNUZ`).
"""

from dataclasses import dataclass

import numpy as np

from llmri_weights.arrays import Floats


@dataclass(frozen=True)
class SmallFloat:
    """How a small floating-point number is laid out: sign, exponent, mantissa.

    Attributes:
        exponent: Its bits.
        mantissa: Its bits.
        bias: Of the exponent.
        specials: What the patterns beyond the finite ones mean: `ieee` has infinities and NaN in the whole
            top exponent, `fn` NaN in the one pattern of ones, `fnuz` NaN in the place of negative zero,
            `finite` none.
    """

    exponent: int
    mantissa: int
    bias: int
    specials: str

    def table(self) -> Floats:
        """Return the value of every pattern, `[2 ** bits]`."""
        bits = 1 + self.exponent + self.mantissa
        patterns = np.arange(1 << bits)
        mantissa = patterns & ((1 << self.mantissa) - 1)
        exponent = (patterns >> self.mantissa) & ((1 << self.exponent) - 1)
        negative = patterns >> (bits - 1) == 1
        fraction = mantissa / (1 << self.mantissa)
        normal = np.ldexp(1 + fraction, exponent - self.bias)
        subnormal = np.ldexp(fraction, 1 - self.bias)
        values = np.where(exponent > 0, normal, subnormal)
        if self.specials == "ieee":
            top = exponent == (1 << self.exponent) - 1
            values = np.where(top, np.where(mantissa == 0, np.inf, np.nan), values)
        elif self.specials == "fn":
            values[patterns & ~(1 << (bits - 1)) == (1 << (bits - 1)) - 1] = np.nan
        signed = np.where(negative, -values, values).astype(np.float32)
        if self.specials == "fnuz":
            signed[1 << (bits - 1)] = np.nan
        return signed


F16 = SmallFloat(5, 10, 15, "ieee")
F8_E4M3 = SmallFloat(4, 3, 7, "fn")
F8_E5M2 = SmallFloat(5, 2, 15, "ieee")
F8_E4M3FNUZ = SmallFloat(4, 3, 8, "fnuz")
F8_E5M2FNUZ = SmallFloat(5, 2, 16, "fnuz")
F4_E2M1 = SmallFloat(2, 1, 1, "finite")


def powers_of_two() -> Floats:
    """Return the values of the scale format E8M0, `[256]`: powers of two from -127 on, and NaN for 255."""
    exponents = np.arange(256, dtype=np.float64) - 127
    exponents[255] = np.nan
    return np.exp2(exponents).astype(np.float32)
