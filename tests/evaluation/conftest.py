"""What tests of both modules of the ledger share."""

import pytest


@pytest.fixture
def places(tmp_path):
    """The directory of the records, and that of a run."""
    directories = tmp_path / "records", tmp_path / "run"
    for directory in directories:
        directory.mkdir()
    return directories
