"""A service that tests ask."""

import pytest

from tests.helpers import services


@pytest.fixture(scope="module")
def service():
    with services.running() as running:
        yield running
