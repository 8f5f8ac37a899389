"""Saying prompts to a model, one trial each."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from llmri.capture.document import Trial
from llmri.capture.errors import CaptureError
from llmri.capture.tensor_collector import TensorCollector

TEMPLATE = "tokenizer.chat_template"
TOO_LONG = re.compile(r"Requested tokens \((\d+)\) exceed context window")  # as `Llama` says it


@dataclass(frozen=True)
class Speaking:
    """How the model shall answer.

    Attributes:
        max_tokens: The longest reply.
        temperature: 0 takes the likeliest token.
        plain: Whether the prompt is continued as it is, though the file has a chat template.
    """

    max_tokens: int = 64
    temperature: float = 0.0
    plain: bool = False


def run_trial(
    llama: Any,  # noqa: ANN401  an extra's type
    collector: TensorCollector,
    prompt: str,
    speaking: Speaking,
    on_token: Callable[[], None] = lambda: None,
) -> Trial:
    """Say a prompt, watched, and give the trial.

    Raises:
        CaptureError: The prompt does not fit into the context, or llama.cpp or the chat template failed.
    """
    collector.start_trial(prompt)
    try:
        pieces = []
        for piece in _stream(llama, prompt, speaking):
            pieces.append(piece)
            collector.check()
            on_token()
        return collector.end_trial("".join(pieces))
    except CaptureError:
        raise
    except Exception as error:
        too_long = TOO_LONG.search(str(error))
        if too_long:
            raise CaptureError(
                f"the prompt {prompt[:40]!r} takes {too_long[1]} tokens, and the context holds "
                f"{llama._n_ctx} with the reply; --context asks for a longer one"
            ) from None
        raise CaptureError(
            f"the prompt {prompt[:40]!r} failed: {str(error) or type(error).__name__}"
        ) from error
    finally:
        collector.abandon_trial()


def _stream(llama: Any, prompt: str, speaking: Speaking) -> Iterator[str]:  # noqa: ANN401
    options = {"max_tokens": speaking.max_tokens, "temperature": speaking.temperature, "stream": True}
    if speaking.plain or TEMPLATE not in llama.metadata:
        for chunk in llama(prompt, **options):
            yield chunk["choices"][0]["text"]
        return
    for chunk in llama.create_chat_completion([{"role": "user", "content": prompt}], **options):
        yield chunk["choices"][0]["delta"].get("content") or ""
