"""A folder that looks like a clone, for the commands of the pages."""

import pathlib
import tempfile

import pytest

from tests.helpers import clones


@pytest.fixture(scope="session")
def clone():
    # Not below pytest's directory: a socket's path has 100 characters at most.
    with tempfile.TemporaryDirectory(prefix="docs-") as root:
        with clones.open_clone(pathlib.Path(root)) as clone:
            yield clone
