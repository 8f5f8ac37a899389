import pytest

from llmri_viewer.app.meter import Meter, Timings, at_share


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


def test_figures_of_the_flow_are_held_so_that_they_can_be_read() -> None:
    meter = Meter()
    assert meter.flow(10.0) == (0, None)
    meter.scan(10.1, 10.1)
    assert meter.flow(10.2) == (0, None)
    assert meter.flow(10.3)[0] == 1


def test_a_scan_is_timed_from_the_socket_to_the_picture_that_shows_it() -> None:
    timings = Timings()
    for number in range(100):
        timings.taken(arrived=number / 60)
        timings.shown(began=number / 60 + 0.004, ended=number / 60 + (0.010 if number < 94 else 0.030))
    now = 100 / 60
    assert at_share(timings.delays(now), 0.5) == pytest.approx(0.010)
    assert at_share(timings.delays(now), 0.95) == pytest.approx(0.030)
    assert at_share(timings.frames(now), 0.5) == pytest.approx(0.006)
    assert timings.line(now) == "frame 6.0 ms, 95 % 26.0 · scan shown after 10 ms, 95 % 30 (1.8 frames)"
    assert timings.line(now + 60) == "no frames"
