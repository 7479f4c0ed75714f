"""What the tests of sweeps share."""

import pytest

from tests.helpers import sweeps


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(sweeps.PROGRAM)
    return path
