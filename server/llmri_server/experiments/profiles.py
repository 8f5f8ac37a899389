"""How strongly every unit fires where a model decides its reply."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_server.experiments.replies import conversation_of
from llmri_server.pocket.skills import Example
from llmri_server.runtime import GivenReply, Runtime

BATCH = 32


@dataclass
class Profile:
    """Running means over positions, of every unit's magnitude and of its square.

    The totals are `[layers, width]`, in float64 so that long recordings lose nothing.
    """

    magnitudes: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    positions: int = 0

    @classmethod
    def of(cls, recordings: Iterable[npt.NDArray[np.floating]]) -> "Profile":
        """Take in recordings of `[positions, layers, width]`, at least one."""
        running: Profile | None = None
        for recording in recordings:
            if running is None:
                running = cls(np.zeros(recording.shape[1:]), np.zeros(recording.shape[1:]))
            running.add(recording)
        if running is None:
            raise ValueError("no recording was given, at least one is needed")
        return running

    def add(self, recording: npt.NDArray[np.floating]) -> None:
        """Take in `[positions, layers, width]`."""
        self.magnitudes += np.abs(recording).sum(axis=0, dtype=np.float64)
        self.squares += np.square(recording).sum(axis=0, dtype=np.float64)
        self.positions += len(recording)

    @property
    def magnitude(self) -> npt.NDArray[np.float64]:
        """Mean magnitude of every unit, `[layers, width]`."""
        return self.magnitudes / self.positions

    @property
    def square(self) -> npt.NDArray[np.float64]:
        """Mean square of every unit, `[layers, width]`."""
        return self.squares / self.positions


def reply_profile(runtime: Runtime, site: str, given: Sequence[GivenReply]) -> Profile:
    """Return the profile of every unit of a site over replies to prompts.

    The positions are those whose next token belongs to the reply or ends it: there the model decides
    what to say.
    """
    batches = (given[first : first + BATCH] for first in range(0, len(given), BATCH))
    return Profile.of(runtime.reply_activations(site, batch) for batch in batches)


def example_profile(runtime: Runtime, site: str, examples: Sequence[Example]) -> Profile:
    """Return the same over right replies to a skill's examples."""
    given = [runtime.given_reply(conversation_of(example.prompt), example.reply) for example in examples]
    return reply_profile(runtime, site, given)
