"""Quantisation to Q4_K: 256 weights a super-block, eight blocks of 32, each with a scale and a minimum.

The `gguf` package reads this type and does not write it. This is the search that llama.cpp makes
(Kawrakow 2023, `make_qkx2_quants` in ggml-quants.c), over all blocks at once.
"""

import numpy as np
import numpy.typing as npt

from llmri_server.gguf_export.weights import Floats

SUPER_BLOCK, BLOCK = 256, 32
TOP = 15  # the highest of the sixteen levels
TOP_SCALE = 63  # scales and minima have six bits
STRETCHES = [TOP - 1.0 + 0.1 * step for step in range(21)]

Bytes = npt.NDArray[np.uint8]


def quantize_q4_k(values: Floats) -> Bytes:
    """Return `[..., columns]`, a multiple of 256, as bytes: `[..., columns / 256 * 144]`."""
    blocks = values.reshape(-1, SUPER_BLOCK // BLOCK, BLOCK)
    scale, low = _scales_and_minima(blocks)
    coarse_scale, scale_bits = _six_bits(scale)
    coarse_low, low_bits = _six_bits(-low)
    levels = _levels(
        blocks, coarse_scale.astype(np.float32) * scale_bits, -coarse_low.astype(np.float32) * low_bits
    )
    pairs = levels.reshape(len(blocks), -1, 2, BLOCK)
    nibbles: Bytes = pairs[:, :, 0] | (pairs[:, :, 1] << np.uint8(4))
    parts = [
        coarse_scale.view(np.uint8),
        coarse_low.view(np.uint8),
        _packed(scale_bits, low_bits),
        nibbles.reshape(len(blocks), -1),
    ]
    return np.concatenate(parts, axis=1).reshape(*values.shape[:-1], -1)


def _scales_and_minima(blocks: Floats) -> tuple[Floats, Floats]:
    """Return the scale and minimum (at most 0) of each block, `[supers, 8]`, of the least weighted error."""
    weight = np.sqrt(np.mean(blocks**2, axis=-1, keepdims=True)) + np.abs(blocks)
    top, best_low = blocks.max(axis=-1), np.minimum(blocks.min(axis=-1), 0)
    best_scale = (top - best_low) / TOP
    best = _error(blocks, weight, best_scale, best_low, _levels(blocks, best_scale, best_low))
    for stretch in STRETCHES:  # each starts from the best minimum so far
        levels = _levels(blocks, (top - best_low) / np.float32(stretch), best_low)
        scale, low = _fitted(blocks, weight, levels.astype(np.float32))
        error = _error(blocks, weight, scale, low, levels)
        better = error < best
        best = np.where(better, error, best)
        best_scale, best_low = np.where(better, scale, best_scale), np.where(better, low, best_low)
    return best_scale, best_low


def _fitted(blocks: Floats, weight: Floats, levels: Floats) -> tuple[Floats, Floats]:
    """Return the scale and minimum that fit these levels best, by weighted least squares."""
    total, first = weight.sum(-1), (weight * blocks).sum(-1)
    level, square = (weight * levels).sum(-1), (weight * levels**2).sum(-1)
    both = (weight * levels * blocks).sum(-1)
    determinant = total * square - level**2
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = (total * both - first * level) / determinant
        low = (square * first - level * both) / determinant
        through_zero = both / square
    positive = low > 0
    fits = determinant > 0
    scale = np.where(fits, np.where(positive, through_zero, scale), np.inf)
    return scale, np.where(fits & ~positive, low, 0)


def _levels(blocks: Floats, scale: Floats, low: Floats) -> Bytes:
    """Return the level of each weight, 0 to 15."""
    nearest = np.rint((blocks - low[..., None]) * _inverse(scale)[..., None])
    levels: Bytes = np.clip(nearest, 0, TOP).astype(np.uint8)
    return levels


def _inverse(values: Floats) -> Floats:
    """Return 1 / value, and 0 where that would be infinite."""
    inverse = np.zeros_like(values)
    return np.divide(1, values, out=inverse, where=values >= np.finfo(np.float32).tiny)


def _error(blocks: Floats, weight: Floats, scale: Floats, low: Floats, levels: Bytes) -> Floats:
    with np.errstate(invalid="ignore"):
        error: Floats = (weight * (scale[..., None] * levels + low[..., None] - blocks) ** 2).sum(-1)
    error[np.isnan(error)] = np.inf
    return error


def _six_bits(values: Floats) -> tuple[npt.NDArray[np.float16], Bytes]:
    """Return one float16 a super-block, `[supers, 1]`, and the six bits by which each block multiplies it."""
    top = np.maximum(values.max(axis=-1, keepdims=True), 0)
    bits = np.clip(np.rint(values * _inverse(top) * TOP_SCALE), 0, TOP_SCALE).astype(np.uint8)
    return (top / TOP_SCALE).astype(np.float16), bits


def _packed(scales: Bytes, lows: Bytes) -> Bytes:
    """Pack eight pairs of six bits into twelve bytes; the first four carry the last four's upper bits."""
    return np.concatenate(
        [
            scales[:, :4] | (scales[:, 4:] >> 4) << 6,
            lows[:, :4] | (lows[:, 4:] >> 4) << 6,
            scales[:, 4:] & 0x0F | (lows[:, 4:] & 0x0F) << 4,
        ],
        axis=1,
    )
