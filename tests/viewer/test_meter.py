import pytest

from llmri_viewer.meter import Meter


def test_scans_of_the_last_second_are_counted() -> None:
    meter = Meter()
    for at in (0.0, 0.5, 1.2, 1.4):
        meter.scan(at, at)
    assert meter.rate(1.45) == 3
    assert meter.rate(9.0) == 0
    assert meter.lag(9.0) is None


def test_lag_is_measured_on_this_clock_whatever_the_servers_says() -> None:
    meter = Meter()
    meter.pong(asked=100.0, answered=5000.005, now=100.01)
    meter.scan(sent=5001.0, now=101.02)
    assert meter.lag(101.02) == pytest.approx(20, abs=0.01)


def test_the_shortest_round_trip_is_believed() -> None:
    meter = Meter()
    meter.pong(asked=100.0, answered=200.005, now=100.01)
    meter.pong(asked=101.0, answered=201.9, now=102.0)
    meter.scan(sent=203.0, now=103.004)
    assert meter.lag(103.004) == pytest.approx(4, abs=0.01)
