"""A folder that looks like a clone, for the commands of the pages."""

import pytest

from tests.helpers import clones


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    return clones.make_clone(tmp_path_factory.mktemp("clone"))
