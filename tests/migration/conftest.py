"""Fixtures of several files here."""

import pytest

from tests.helpers import image_tables


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """The folder that `image_tables` writes."""
    root = tmp_path_factory.mktemp("table")
    image_tables.write_images(root)
    return root
