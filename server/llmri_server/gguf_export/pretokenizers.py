"""Which of llama.cpp's ways to split text into words is the one of a tokenizer."""

from typing import Any

from llmri_server.gguf_export.errors import ExportError

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Each is the whole list of steps; `trim_offsets` changes no token and is left out.
KNOWN: dict[str, list[dict[str, object]]] = {
    "gpt-2": [BYTE_LEVEL],
    "smollm": [DIGITS, BYTE_LEVEL],
    "llama-bpe": [
        {"type": "Split", "pattern": {"Regex": LLAMA_3}, "behavior": "Isolated", "invert": False},
        BYTE_LEVEL | {"use_regex": False},
    ],
}
WHOLE_WORDS_FIRST = {"llama-bpe"}  # llama.cpp then takes a word that is a token without looking at merges
PLAIN = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")


def pretokenizer_of(core: dict[str, Any]) -> str:
    """Return llama.cpp's name for how the tokenizer of a `tokenizer.json` splits text.

    Raises:
        ExportError: llama.cpp does not split like this.
    """
    model = core["model"]
    if model["type"] != "BPE" or core.get("normalizer") or any(model.get(key) for key in PLAIN):
        raise ExportError(
            f"the tokenizer is no plain byte-level BPE (model {model['type']}, normaliser "
            f"{(core.get('normalizer') or {}).get('type')}); only that can be exported"
        )
    _refuse_greedy_tokens(core["added_tokens"])
    steps = _steps(core.get("pre_tokenizer") or {})
    for name, known in KNOWN.items():
        if steps == known and model.get("ignore_merges", False) == (name in WHOLE_WORDS_FIRST):
            return name
    kinds = " + ".join(str(step["type"]) for step in steps)
    raise ExportError(f"llama.cpp has no pre-tokenizer that is known to equal this one ({kinds})")


def _refuse_greedy_tokens(added: list[dict[str, Any]]) -> None:
    for token in added:
        if token["lstrip"] or token["rstrip"] or token["single_word"]:
            raise ExportError(f"the token {token['content']!r} takes spaces along, which cannot be exported")


def _steps(pretokenizer: dict[str, Any]) -> list[dict[str, object]]:
    steps = pretokenizer["pretokenizers"] if pretokenizer.get("type") == "Sequence" else [pretokenizer]
    return [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps if step]
