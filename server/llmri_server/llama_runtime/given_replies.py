"""Many prompts and replies, one after the other, in a context beside the conversation's."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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
    decoder, texts, first = vocabulary.start(), [""], len(prompt)
    _, logits = read(watch, prompt, prompt=len(prompt), compiled=compiled)
    for number in range(min(longest, watch.context.length - first)):
        token = _likeliest(logits)
        if token in vocabulary.ends:
            break
        text = decoder.add(token)
        texts.append("" if token in vocabulary.special else text)
        if first + number + 1 < watch.context.length:
            _, logits = watch.run([token], first=first + number, prompt=first, compiled=compiled, logits=1)
    return "".join(texts)


def _likeliest(logits: npt.NDArray[np.float32]) -> int:
    return int(logits[-1].argmax())
