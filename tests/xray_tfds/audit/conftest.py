"""What the tests of the audit share."""

import pytest

from tests.helpers import audited_folders


@pytest.fixture(scope="package")
def planted(tmp_path_factory):
    """A folder whose classes were saved with different JPEG qualities."""
    return audited_folders.write_classes(
        tmp_path_factory.mktemp("planted"), quality=(75, 92)
    )
