"""A tiny model on disk, and real `llmri serve` processes on it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}<assistant>"
LAYERS, WIDTH, MLP = 3, 32, 48
PATIENCE = 120  # seconds for what takes a second on an idle machine


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a random Llama of three layers with a byte-level chat tokenizer."""
    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<pad>", "<end>", "<user>", "<assistant>", "<system>", *alphabet]
    tokenizer = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token="<end>",
        pad_token="<pad>",
        additional_special_tokens=["<user>", "<assistant>", "<system>"],
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=MLP,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    model.lm_head.weight.data[1] = 0  # the end is hardly ever the likeliest, so replies are long
    model.save_pretrained(folder)
    return folder


class Served:
    """A running `llmri serve`: its process, and the port it announced."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout
        self.ready = process.stdout.readline()
        found = re.fullmatch(r"LLMRI listening on 127\.0\.0\.1:(\d+)\n", self.ready)
        if found is None:
            process.kill()
            rest = process.communicate()
            raise AssertionError(f"no ready line but {self.ready!r}; {rest}")
        self.port = int(found[1])

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout
        return self.process.stdout

    @property
    def stderr(self) -> IO[str]:
        assert self.process.stderr
        return self.process.stderr

    @property
    def stdin(self) -> IO[str]:
        assert self.process.stdin
        return self.process.stdin

    def interrupt(self) -> int:
        """Press Ctrl-C; give the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from llmri.cli import main; main()", *arguments]


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "LLMRI_TOKEN"}
    return kept | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "200"} | more


Serve = Callable[..., Served]


@contextmanager
def serving(model: Path) -> Iterator[Serve]:
    """Yield a function that starts `llmri serve` with flags; what still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*flags: str, stdin: int = subprocess.PIPE, **variables: str) -> Served:
        arguments = command("serve", str(model), "--port", "0", "--max-new-tokens", "12", *flags)
        process = subprocess.Popen(
            arguments,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**variables),
        )
        running.append(process)
        return Served(process)

    try:
        yield start
    finally:
        for process in running:
            process.kill()
            process.communicate()


@pytest.fixture
def serve(tiny_model: Path) -> Iterator[Serve]:
    with serving(tiny_model) as start:
        yield start


@pytest.fixture(scope="module")
def served(tiny_model: Path) -> Iterator[Served]:
    """Yield one server for all tests of a module."""
    with serving(tiny_model) as start:
        yield start("--seed", "3")


def fails(*arguments: str, **variables: str) -> str:
    """Run `llmri` with arguments that can't work; give its standard error."""
    done = subprocess.run(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(**variables),
        check=False,
    )
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def failing() -> Callable[..., str]:
    return fails
