from hypothesis import given
from hypothesis import strategies as st

from llmri_viewer.model.layout.disc_camera import DiscCamera, Flight
from llmri_viewer.model.layout.geometry import Box

places = st.floats(-100, 100)
lenses = st.builds(DiscCamera, places, places, st.floats(0.5, 200))
boxes = st.builds(Box, st.integers(0, 200), st.integers(0, 200), st.integers(60, 2000), st.integers(60, 1500))


@given(lenses, boxes, places, places)
def test_a_point_and_its_pixel_are_one_place(lens: DiscCamera, box: Box, x: float, y: float) -> None:
    back = lens.point(box, *lens.pixel(box, x, y))
    assert abs(back[0] - x) + abs(back[1] - y) < 1e-6 * (1 + abs(x) + abs(y))


@given(lenses, boxes)
def test_the_disc_of_a_lens_fits_its_box(lens: DiscCamera, box: Box) -> None:
    reach = lens.radius * lens.scale(box)
    assert reach <= min(box.width, box.height) / 2
    assert lens.pixel(box, lens.x, lens.y) == (box.x + box.width / 2, box.y + box.height / 2)


@given(lenses, boxes, st.integers(-8, 8), st.floats(0, 1), st.floats(0, 1))
def test_zooming_holds_the_point_under_the_pointer(
    lens: DiscCamera, box: Box, steps: int, right: float, down: float
) -> None:
    at = (box.x + right * box.width, box.y + down * box.height)
    under, zoomed = lens.point(box, *at), lens.zoomed(steps, box, at, 1e-6, 1e6)
    again = zoomed.point(box, *at)
    assert abs(again[0] - under[0]) + abs(again[1] - under[1]) < 1e-6 * (1 + abs(under[0]) + abs(under[1]))


def test_the_radius_stays_within_its_bounds() -> None:
    box = Box(0, 0, 400, 300)
    assert DiscCamera(0, 0, 10).zoomed(99, box, (0, 0), 2, 40).radius == 2
    assert DiscCamera(0, 0, 10).zoomed(-99, box, (0, 0), 2, 40).radius == 40


def test_panning_cannot_lose_the_whole() -> None:
    kept = DiscCamera(90, 0, 5).kept_in_sight(0, 0, 30)
    assert (kept.x, kept.y) == (30, 0)
    assert DiscCamera(3, 4, 5).kept_in_sight(0, 0, 30) == DiscCamera(3, 4, 5)


def test_a_flight_starts_and_ends_gently_at_its_ends() -> None:
    shares = [Flight(DiscCamera(0, 0, 1), step / 10).eased for step in range(11)]
    assert (shares[0], shares[5], shares[10]) == (0, 0.5, 1)
    assert shares == sorted(shares)
    assert DiscCamera(0, 0, 8).towards(DiscCamera(4, 0, 2), 0.5) == DiscCamera(2, 0, 5)
