"""What stands in a capture file; its JSON Schema is made from these types."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from llmri.capture.errors import CaptureError
from llmri_protocol.plain_words import in_plain_words
from llmri_protocol.user_files import target

Category = Literal["attention", "feed-forward", "normalisation", "embedding", "output", "other"]
Count = Annotated[int, Meta(ge=0)]
Milliseconds = Annotated[float, Meta(ge=0)]

EMBEDDING_LAYER, FINAL_NORM_LAYER, OUTPUT_LAYER = -1, 998, 999


class Statistics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of all finite values that a tensor held over a trial; null where it held none."""

    values: Annotated[Count, Meta(description="How many values there were.")]
    min: float | None
    max: float | None
    mean: float | None
    std: Annotated[float | None, Meta(description="Of the population: divided by the count.")]
    sparsity: Annotated[float | None, Meta(description="The share of values that are exactly zero.")]
    norm: Annotated[
        float | None,
        Meta(description="Root mean square, over the rows, of a row's Euclidean length."),
    ]
    non_finite: Annotated[Count, Meta(description="Values that are infinite or no number, left out above.")]


class Observation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One node of the graph: names repeat, so a node is its name, its operation and which of those it is."""

    name: Annotated[str, Meta(description="As llama.cpp calls it.")]
    operation: Annotated[str, Meta(description="As ggml calls it.")]
    shape: Annotated[
        list[int],
        Meta(description="When first computed, the slowest dimension first; positions before units."),
    ]
    type: Annotated[str, Meta(description="As ggml calls it, such as f32.")]
    order: Annotated[Count, Meta(description="Its place among the nodes of the graph.")]
    count: Annotated[Count, Meta(description="How often it was computed.")]
    layer: Annotated[
        int,
        Meta(description="-1 embedding, 0 to N-1 blocks, 998 final normalisation, 999 output."),
    ]
    kind: Annotated[str, Meta(description="What it is to the model, such as query.")]
    category: Category
    statistics: Annotated[
        Statistics | None,
        Meta(description="Null where a node computes no values of its own, and where none were wanted."),
    ]


class Timings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a trial took; watching every tensor makes a token slower than it is unwatched."""

    total: Annotated[Milliseconds, Meta(description="From the start of the trial to its end.")]
    prompt: Annotated[Milliseconds, Meta(description="Until the first pass over a single position began.")]
    reply: Annotated[Milliseconds, Meta(description="The rest.")]


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One prompt and its reply. Timings are milliseconds."""

    prompt: str
    reply: str
    started: Annotated[str, Meta(description="ISO 8601, with the time zone.")]
    timings: Timings
    passes: Annotated[Count, Meta(description="Forward passes.")]
    positions: Annotated[Count, Meta(description="Positions computed in all passes.")]
    tensors: Annotated[list[Observation], Meta(description="In the order in which they were first seen.")]

    @property
    def tensor_counts(self) -> dict[str, int]:
        """How often tensors of each name were computed."""
        counts: dict[str, int] = {}
        for tensor in self.tensors:
            counts[tensor.name] = counts.get(tensor.name, 0) + tensor.count
        return counts


class CapturedModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file that was run."""

    file: str
    name: str
    architecture: Annotated[str, Meta(description="`general.architecture` of the file.")]
    family: Annotated[str, Meta(description="The profile of `configs/capture.toml`.")]
    layers: Count
    width: Count


class Capture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `llmri capture` writes."""

    format: Literal["llmri-capture"] = "llmri-capture"
    version: Literal[1] = 1
    created: str
    llmri: Annotated[str, Meta(description="Version.")]
    engine: Annotated[str, Meta(description="Versions of llama-cpp-python and llama.cpp.")]
    model: CapturedModel
    trials: list[Trial]


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a capture file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "LLMRI capture",
    } | msgspec.json.schema(Capture)


def save(path: Path, capture: Capture) -> None:
    """Write a capture, indented, never leaving half of one behind; what was there stays where that fails.

    Raises:
        CaptureError: It cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(capture), indent=2) + b"\n"
    try:
        if path.exists() and not path.is_file():  # such as /dev/stdout, which must not be replaced
            path.write_bytes(text)
            return
        goal = target(path)
        partial = goal.with_name(f"{goal.name[:100]}.partial")
        try:
            partial.write_bytes(text)
            partial.replace(goal)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise CaptureError(f"cannot write {path}: {error.strerror}") from None


def read_capture(path: Path | str) -> Capture:
    """Read a capture file.

    Raises:
        CaptureError: It cannot be read, or is no capture.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Capture)
    except OSError as error:
        raise CaptureError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise CaptureError(f"{path} is no capture: {in_plain_words(error)}") from None
    except RecursionError:
        raise CaptureError(f"{path} is no capture: it is nested too deeply") from None
