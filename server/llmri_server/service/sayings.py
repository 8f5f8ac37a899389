"""What a client says and how it wants to be answered, as the runtime takes it."""

from collections.abc import Sequence

from llmri_protocol.messages import Said, SamplingWish
from llmri_server.runtime import ChatMessage, Sampling


class SayingError(ValueError):
    """Messages that no reply can be written to; the message is one sentence."""


def said(messages: Sequence[Said]) -> tuple[ChatMessage, ...]:
    """Return a client's messages as chat templates take them.

    Raises:
        SayingError: The last one is not the user's, or a system message stands behind others.
    """
    late = next((number for number, each in enumerate(messages) if number and each.role == "system"), None)
    if late is not None:
        raise SayingError(f"message {late} is the system's, expected it first or not at all")
    if messages[-1].role != "user":
        raise SayingError(f"the last message is the {messages[-1].role}'s, expected the user's")
    return tuple(ChatMessage(role=each.role, content=each.content) for each in messages)


def sampled(standing: Sampling, wish: SamplingWish | None) -> Sampling | None:
    """Return how a reply is chosen, what is null being as it stands; None where nothing is wished."""
    if wish is None:
        return None
    return Sampling(
        temperature=standing.temperature if wish.temperature is None else wish.temperature,
        top_p=standing.top_p if wish.top_p is None else wish.top_p,
        top_k=standing.top_k if wish.top_k is None else wish.top_k,
        seed=standing.seed if wish.seed is None else wish.seed,
        max_new_tokens=standing.max_new_tokens if wish.most is None else wish.most,
        stop=standing.stop if wish.stop is None else wish.stop,
    )
