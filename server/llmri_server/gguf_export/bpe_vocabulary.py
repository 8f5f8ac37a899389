"""The tokenizer of a folder, as llama.cpp holds it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import GGUFWriter, TokenType

from llmri_server.gguf_export.errors import ExportError
from llmri_server.gguf_export.pretokenizers import pretokenizer_of

SPECIAL = {
    "bos_token": GGUFWriter.add_bos_token_id,
    "eos_token": GGUFWriter.add_eos_token_id,
    "pad_token": GGUFWriter.add_pad_token_id,
}


@dataclass(frozen=True)
class BpeVocabulary:
    """A byte-level BPE vocabulary.

    Attributes:
        pieces: The text of each token, by its number.
        kinds: What each token is.
        merges: Pairs of pieces, the most urgent first.
        pretokenizer: llama.cpp's name for how words are split first.
        special: Numbers of the tokens that have a role.
        begins: Whether every text starts with the token for that.
        template: The chat template, in Jinja.
    """

    pieces: list[str]
    kinds: list[TokenType]
    merges: list[str]
    pretokenizer: str
    special: dict[str, int]
    begins: bool
    template: str | None


def read_vocabulary(folder: Path, size: int) -> BpeVocabulary:
    """Read `tokenizer.json` and what stands beside it, padded to `size` tokens.

    Raises:
        ExportError: There is none, or llama.cpp could not split text in the same way.
    """
    core = _json(folder / "tokenizer.json")
    settings = _json(folder / "tokenizer_config.json")
    pretokenizer = pretokenizer_of(core)
    pieces, kinds = _tokens(core, size)
    special = {role: pieces.index(text) for role in SPECIAL if (text := _text(settings.get(role)))}
    template = folder / "chat_template.jinja"
    return BpeVocabulary(
        pieces=pieces,
        kinds=kinds,
        merges=[pair if isinstance(pair, str) else " ".join(pair) for pair in core["model"]["merges"]],
        pretokenizer=pretokenizer,
        special=special,
        begins="bos_token" in special and _starts_with(folder, special["bos_token"]),
        template=template.read_text("utf-8") if template.exists() else settings.get("chat_template"),
    )


def add_vocabulary(writer: GGUFWriter, vocabulary: BpeVocabulary) -> None:
    """Write the vocabulary."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pretokenizer)
    writer.add_token_list(vocabulary.pieces)
    writer.add_token_types(vocabulary.kinds)
    writer.add_token_merges(vocabulary.merges)
    for role, number in vocabulary.special.items():
        SPECIAL[role](writer, number)
    writer.add_add_bos_token(vocabulary.begins)
    writer.add_add_space_prefix(False)
    if vocabulary.template is not None:
        writer.add_chat_template(vocabulary.template)


def _tokens(core: dict[str, Any], size: int) -> tuple[list[str], list[TokenType]]:
    pieces = [f"[PAD{number}]" for number in range(size)]
    kinds = [TokenType.UNUSED] * size
    for piece, number in core["model"]["vocab"].items():
        pieces[number], kinds[number] = piece, TokenType.NORMAL
    for token in core["added_tokens"]:
        kind = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
        pieces[token["id"]], kinds[token["id"]] = token["content"], kind
    return pieces, kinds


def _starts_with(folder: Path, begin: int) -> bool:
    from tokenizers import Tokenizer  # noqa: PLC0415  only the server's extra brings it

    return Tokenizer.from_file(str(folder / "tokenizer.json")).encode("a").ids[:1] == [begin]


def _text(token: object) -> str | None:
    """Return the text of a token of `tokenizer_config.json`, which is a string or says more."""
    return token["content"] if isinstance(token, dict) else token  # type: ignore[return-value]


def _json(path: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ExportError(f"{path.parent} holds no {path.name}") from None
    except ValueError as error:
        raise ExportError(f"{path} is no JSON: {error}") from error
    return read
