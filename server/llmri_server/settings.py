"""The server's settings: `configs/server.toml`, then a file of the user's, then the command line."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from llmri_protocol.addresses import DEFAULT_HOST, DEFAULT_PORT, HIGHEST_PORT
from llmri_protocol.configs import ConfigError, folder, load, read_toml
from llmri_protocol.frames import CLIENT_LIMIT, SERVER_LIMIT
from llmri_protocol.messages import Limits, SamplingWish
from llmri_protocol.plain_words import in_plain_words
from llmri_server.broadcast.outbox import OutboxLimits
from llmri_server.runtime import Sampling

Positive = Annotated[int, Meta(ge=1)]
Protect = Literal["all", "massive", "lists", "none"]
Bytes = Annotated[int, Meta(ge=1024, lt=2**32)]


Dtype = Literal["auto", "float32", "float16", "bfloat16"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set; the meaning of each key stands beside it in `configs/server.toml`."""

    model: str = "pocket"
    device: str = "auto"
    dtype: Dtype = "auto"

    gpu_layers: Annotated[int, Meta(ge=-1)] = -1
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    context: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    flash_attention: Literal["auto", "on", "off"] = "auto"

    host: str = DEFAULT_HOST
    port: Annotated[int, Meta(ge=0, le=HIGHEST_PORT)] = DEFAULT_PORT
    unix: str = ""

    temperature: Annotated[float, Meta(ge=0, le=100)] = 0.0
    top_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Meta(ge=0)] = 0
    seed: Annotated[int, Meta(ge=0, lt=2**62)] = 0
    max_new_tokens: Positive = 256
    system: str = ""

    protect: Protect = "all"
    protect_nats: Annotated[float, Meta(gt=0)] = 1.0
    allow_protected: bool = False

    prompt_positions: Annotated[int, Meta(ge=0)] = 256
    queue_scans: Positive = 512
    queue_scan_bytes: Bytes = 256 << 20
    queue_messages: Positive = 100_000
    queue_message_bytes: Bytes = 64 << 20
    queue_answer_bytes: Bytes = 512 << 20
    queue_turns: Positive = 64
    max_clients: Positive = 32
    client_frame: Bytes = CLIENT_LIMIT
    server_frame: Bytes = SERVER_LIMIT

    @property
    def sampling(self) -> Sampling:
        """How tokens are chosen."""
        return Sampling(self.temperature, self.top_p, self.top_k, self.seed, self.max_new_tokens)

    @property
    def told_sampling(self) -> SamplingWish:
        """How tokens are chosen, as clients are told."""
        return SamplingWish(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            seed=self.seed,
            most=self.max_new_tokens,
            stop=(),
        )

    @property
    def limits(self) -> Limits:
        """What clients are told."""
        return Limits(
            client_frame=self.client_frame,
            server_frame=self.server_frame,
            queue=self.queue_scans,
            prompt_positions=self.prompt_positions,
            answer_bytes=self.queue_answer_bytes,
        )

    @property
    def outbox(self) -> OutboxLimits:
        """What may wait for one viewer."""
        return OutboxLimits(
            self.queue_scans,
            self.queue_scan_bytes,
            self.queue_messages,
            self.queue_message_bytes,
            self.queue_answer_bytes,
        )


def bundled() -> Path:
    """Return the file with the settings that hold where nobody says otherwise."""
    return folder() / "server.toml"


def read(file: Path | None = None, **flags: object) -> Settings:
    """Return the settings: bundled, overridden by `file`, overridden by the flags that are not None.

    Raises:
        ConfigError: A file or a value can't be used; the sentence says which key, and what would do.
    """
    settings = load(bundled(), Settings)
    if file is not None:
        settings = _overridden(settings, file)
    given = {key: value for key, value in flags.items() if value is not None}
    known: dict[str, Any] = msgspec.structs.asdict(settings) | given
    try:
        return msgspec.convert(known, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{_flag(str(error))}: {in_plain_words(error, kind=Settings)}") from None


def _overridden(settings: Settings, file: Path) -> Settings:
    theirs = load(file, Settings)
    return msgspec.structs.replace(settings, **{key: getattr(theirs, key) for key in read_toml(file)})


def _flag(error: str) -> str:
    """Name the flag in a validation error, which ends with `$.key` between backquotes."""
    key = error.rpartition("`$.")[2].rstrip("`")
    return f"--{key.replace('_', '-')}"
