"""A GGUF file in Q8_0 with random weights, written without a model in memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from tokenizers.pre_tokenizers import ByteLevel

LAYERS, WIDTH, NEURONS, HEADS, KEY_VALUE_HEADS, TOKENS, CONTEXT = 16, 2048, 5632, 32, 8, 32000, 2048
BLOCK = 32  # weights that share a scale in Q8_0
SCALE = 2.5e-4  # with numbers of up to 127: weights as small as those of a fresh model
SEED = 0

Blocks = npt.NDArray[np.uint8]


def write_llama_16_by_2048(path: Path) -> None:
    """Write a Llama of 16 layers x 2048 in Q8_0: 0.85 billion weights, 0.9 GB."""
    writer = GGUFWriter(path, "llama")
    _describe(writer)
    rng = np.random.default_rng(SEED)
    for name, rows, width in _matrices():
        writer.add_tensor(name, _random(rng, rows, width), raw_dtype=GGMLQuantizationType.Q8_0)
    for name in _norms():
        writer.add_tensor(name, np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: GGUFWriter) -> None:
    writer.add_name("random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(NEURONS)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(TOKENS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    words = [*sorted(ByteLevel.alphabet()), "12"]
    writer.add_token_list([*words, *(f"<{number}>" for number in range(len(words), TOKENS))])
    writer.add_token_types([TokenType.NORMAL] * TOKENS)
    writer.add_token_merges(["1 2"])  # a vocabulary has to have one


def _matrices() -> Iterator[tuple[str, int, int]]:
    """Yield each matrix's name, rows and width."""
    yield "token_embd.weight", TOKENS, WIDTH
    yield "output.weight", TOKENS, WIDTH
    shared = WIDTH // HEADS * KEY_VALUE_HEADS
    for layer in range(LAYERS):
        yield f"blk.{layer}.attn_q.weight", WIDTH, WIDTH
        yield f"blk.{layer}.attn_k.weight", shared, WIDTH
        yield f"blk.{layer}.attn_v.weight", shared, WIDTH
        yield f"blk.{layer}.attn_output.weight", WIDTH, WIDTH
        yield f"blk.{layer}.ffn_gate.weight", NEURONS, WIDTH
        yield f"blk.{layer}.ffn_up.weight", NEURONS, WIDTH
        yield f"blk.{layer}.ffn_down.weight", WIDTH, NEURONS


def _norms() -> Iterator[str]:
    yield "output_norm.weight"
    for layer in range(LAYERS):
        yield f"blk.{layer}.attn_norm.weight"
        yield f"blk.{layer}.ffn_norm.weight"


def _random(rng: np.random.Generator, rows: int, width: int) -> Blocks:
    """Return blocks of a scale in float16 and 32 numbers in int8, `[rows, bytes]`."""
    blocks = np.empty((rows, width // BLOCK, 2 + BLOCK), np.uint8)
    blocks[..., :2] = np.frombuffer(np.float16(SCALE).tobytes(), np.uint8)
    blocks[..., 2:] = rng.integers(0, 256, (rows, width // BLOCK, BLOCK), np.uint8)
    return blocks.reshape(rows, -1)
