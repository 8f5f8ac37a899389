"""A model with a real server around it, whose turns are timed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.timed_runtime import TimedRuntime, TokenTimes
from llmri_server import Server, Settings
from llmri_server.torch_runtime import TorchRuntime

PATIENCE = 120.0  # seconds for a turn, or for a plan
POLL = 0.002


class Served:
    """A server on loopback, and turns that all say the same."""

    def __init__(self, server: Server, runtime: TimedRuntime, prompt: str) -> None:
        self.server = server
        self.runtime = runtime
        self._prompt = prompt

    def turn(self) -> TokenTimes:
        """Hold one turn and give the times of its tokens."""
        self.server.chat(self._prompt, new=True).reply(PATIENCE)
        return self.runtime.last_turn.times

    def await_plans(self, count: int) -> None:
        """Wait until the hub has sent `count` capture plans in all: one for every wish of a viewer.

        Raises:
            TimeoutError: It has not.
        """
        deadline = time.monotonic() + PATIENCE
        while self.runtime.plans < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.runtime.plans} capture plans came, expected {count}")
            time.sleep(POLL)


@contextmanager
def served(model: TorchRuntime, prompt: str, tokens: int) -> Iterator[Served]:
    """Serve a model whose replies have at most `tokens` tokens."""
    runtime = TimedRuntime(model)
    with Server(runtime, Settings(port=0, max_new_tokens=tokens)) as server:
        yield Served(server, runtime, prompt)
