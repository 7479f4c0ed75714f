"""What tests of records share."""

import pytest

from xray_tfds.curate import examine


@pytest.fixture
def decoded(monkeypatch):
    """The sizes of the contents that are decoded."""
    sizes = []
    decode = examine.decode

    def note(data, config):
        sizes.append(len(data))
        return decode(data, config)

    monkeypatch.setattr(examine, "decode", note)
    return sizes
