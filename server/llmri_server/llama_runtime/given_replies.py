"""Many prompts and replies, one after the other, in a context beside the conversation's."""

from collections.abc import Sequence

from llmri_server.llama_runtime.interventions import Compiled
from llmri_server.llama_runtime.sequence_reading import read
from llmri_server.llama_runtime.vocabulary import Vocabulary
from llmri_server.llama_runtime.watch import Watch


def continue_greedily(
    watch: Watch, vocabulary: Vocabulary, prompt: Sequence[int], longest: int, compiled: Compiled
) -> str:
    """Return the likeliest reply of at most `longest` tokens, special tokens left out.

    It is shorter where the context ends.
    """
    first, length = len(prompt), watch.context.length
    said: list[int] = []
    _, logits = read(watch, prompt, prompt=first, compiled=compiled)
    for at in range(first, min(first + longest, length)):
        token = int(logits[-1].argmax())
        if token in vocabulary.ends:
            break
        said.append(token)
        if at + 1 < min(first + longest, length):
            _, logits = watch.run([token], first=at, prompt=first, compiled=compiled, logits=1)
    ordinary = (vocabulary.bytes_of(token) for token in said if token not in vocabulary.special)
    return b"".join(ordinary).decode(errors="replace")
