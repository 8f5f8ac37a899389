import pytest

from tests.server.measuring.told import Told


@pytest.fixture
def told() -> Told:
    return Told()
