"""Every way brings the same rows over, and the wire benchmark runs."""

import socket
import threading

import numpy as np
import pytest

from benchmarks.runs import Advance
from benchmarks.transports import WAYS, Floats
from benchmarks.wire import measure


@pytest.mark.parametrize("way", WAYS)
def test_a_way_ends_with_the_rows_that_were_sent(way: str) -> None:
    rows = np.random.default_rng(1).normal(size=(3, 5000)).astype(np.float32)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = socket.create_connection(listening.getsockname())
        here, _ = listening.accept()
    with here, there:
        received: list[Floats] = []
        receiving = WAYS[way](there, np.zeros_like(rows))
        thread = threading.Thread(target=lambda: received.append(receiving.receive(4)))
        thread.start()
        WAYS[way](here, rows).send(4)
        thread.join()
    np.testing.assert_array_equal(received[0], rows)


def test_the_wire_is_measured_between_two_processes() -> None:
    steps: list[None] = []

    def track(_title: str, _steps: int) -> Advance:
        return lambda: steps.append(None)

    section = measure((2, 64), track, rounds=1, seconds=0.005)
    assert section.title == "Wire, [2, 64] float32"
    assert [row.name for row in section.rows if row.gate] == ["LLMRI / raw", "LLMRI / hex in JSON"]
    assert all(row.spread.median > 0 for row in section.rows)
    assert len(steps) == section.attempts * 2 * len(WAYS)
