"""llama.cpp splits every text into the tokens that the original tokenizer gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from llmri_server.gguf_export import ExportError, Precision, export_gguf
from llmri_server.gguf_export.pretokenizers import LLAMA_3, pretokenizer_of
from llmri_server.pocket import WEIGHTS
from tests.server.gguf_export.conftest import llama_cpp, plain_llama
from tests.server.torch_runtime.tiny_models import byte_tokenizer, tiny_model

SPECIALS = ["<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|pad|>"]
AWKWARD = [
    "'s",
    "'re",
    "'LL",
    "  ",
    "\n\n",
    "\t",
    "\r\n",
    "\u00a0",
    "\u3000",
    "½",
    "٣",
    "Ⅷ",
    "é",
    "漢",
    "🦙",
    "\0",
]

texts = st.lists(st.one_of(st.text(max_size=8), st.sampled_from(SPECIALS + AWKWARD))).map("".join)


def both(path: Path, text: str, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    llama = opened(path)
    ours: list[int] = llama.tokenize(text.encode(), add_bos=False, special=True)
    return ours, tokenizer.encode(text, add_special_tokens=False).ids


_open: dict[Path, Any] = {}


def opened(path: Path) -> Any:
    if path not in _open:
        _open[path] = plain_llama(path, vocab_only=True)
    return _open[path]


@settings(max_examples=400, deadline=None)
@given(text=texts)
def test_pocket_reads_every_text_as_its_tokenizer_does(
    pocket: Callable[[Precision], Path], text: str
) -> None:
    ours, theirs = both(pocket("q8_0"), text, Tokenizer.from_file(str(WEIGHTS / "tokenizer.json")))
    assert ours == theirs


def test_pocket_reads_every_character_of_the_first_plane_as_its_tokenizer_does(
    pocket: Callable[[Precision], Path],
) -> None:
    tokenizer = Tokenizer.from_file(str(WEIGHTS / "tokenizer.json"))
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(characters), 64):
        text = "".join(f"a{character}1 {character}b" for character in characters[start : start + 64])
        ours, theirs = both(pocket("q8_0"), text, tokenizer)
        assert ours == theirs, text


def test_pocket_speaks_through_its_own_template(pocket: Callable[[Precision], Path]) -> None:
    path = pocket("q8_0")
    talk = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "What is 2+3?"},
        {"role": "assistant", "content": "2+3=5"},
        {"role": "user", "content": "And 4+4?"},
    ]
    metadata = opened(path).metadata
    formatter = llama_cpp.llama_chat_format.Jinja2ChatFormatter(
        metadata["tokenizer.chat_template"], eos_token="<|end|>", bos_token="<|begin|>"
    )
    prompt = formatter(messages=talk).prompt
    tokenizer: Any = AutoTokenizer.from_pretrained(WEIGHTS)
    theirs = tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_dict=False)
    assert opened(path).tokenize(prompt.encode(), add_bos=True, special=True) == list(theirs)


def trained(pretokenizer: Any, *, whole_words: bool = False) -> PreTrainedTokenizerFast:
    core = Tokenizer(models.BPE(ignore_merges=whole_words))
    core.pre_tokenizer = pretokenizer
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["they're 12345 years old, isn't that so?\n\n  Yes  it is"] * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token=SPECIALS[0], eos_token=SPECIALS[1])  # type: ignore[no-untyped-call]


def byte_level(use_regex: bool) -> Any:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


KINDS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "gpt-2": lambda: trained(byte_level(True)),
    "llama-bpe": lambda: trained(
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA_3), "isolated"), byte_level(False)]),
        whole_words=True,
    ),
}


@pytest.fixture(scope="session")
def vocabularies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Tokenizer]]:
    made = {}
    for kind, make in KINDS.items():
        folder = tmp_path_factory.mktemp(kind)
        tokenizer = make()
        tokenizer.save_pretrained(folder)
        tiny_model("llama").save_pretrained(folder)
        export_gguf(folder, folder / "model.gguf", name="tiny")
        made[kind] = folder / "model.gguf", Tokenizer.from_file(str(folder / "tokenizer.json"))
    return made


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_other_byte_level_tokenizers_are_read_alike(
    vocabularies: dict[str, tuple[Path, Tokenizer]], kind: str, text: str
) -> None:
    path, tokenizer = vocabularies[kind]
    assert opened(path).metadata["tokenizer.ggml.pre"] == kind
    ours, theirs = both(path, text, tokenizer)
    assert ours == theirs


def test_tokens_that_the_model_has_and_the_tokenizer_lacks_are_unused(
    vocabularies: dict[str, tuple[Path, Tokenizer]],
) -> None:
    path, tokenizer = vocabularies["gpt-2"]
    assert tokenizer.get_vocab_size() < opened(path).n_vocab() == 300
    assert opened(path).detokenize([299]) in (b"", b"[PAD299]")


def core(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads((WEIGHTS / "tokenizer.json").read_text("utf-8"))
    return plain | changes


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"normalizer": {"type": "NFC"}}, "NFC"),
        ({"model": {"type": "Unigram"}}, "Unigram"),
        ({"model": {"type": "BPE", "byte_fallback": True}}, "byte-level"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "Whitespace"),
        ({"pre_tokenizer": None}, "pre-tokenizer"),
    ],
)
def test_a_tokenizer_that_llama_cpp_lacks_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ExportError, match=named):
        pretokenizer_of(core(**changes))


def test_a_token_that_takes_spaces_along_is_refused_by_name() -> None:
    greedy = core()
    greedy["added_tokens"][2]["lstrip"] = True
    with pytest.raises(ExportError, match="end"):
        pretokenizer_of(greedy)


def test_a_text_begins_as_the_original_lets_it_begin(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    tiny_model("llama").save_pretrained(tmp_path)
    export_gguf(tmp_path, tmp_path / "model.gguf", name="tiny")
    assert opened(tmp_path / "model.gguf").tokenize(b"a cat", add_bos=True) == tokenizer.encode("a cat")
