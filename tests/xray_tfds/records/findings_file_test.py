"""What findings depend on besides the content of the files."""

import importlib
import re

import pytest

from xray_tfds.records import findings_file

# Modules of pydicom, of which each says what it needs for which compression.
_PLUGINS = ("gdcm", "pillow", "pyjpegls", "pylibjpeg", "rle")


def test_all_that_may_decode_dicom_is_part_of_the_identity():
    pytest.importorskip("pydicom")
    needed = set()
    for name in _PLUGINS:
        module = importlib.import_module(f"pydicom.pixels.decoders.{name}")
        for requirements in module.DECODER_DEPENDENCIES.values():
            needed.update(re.match("[a-z-]+", r)[0] for r in requirements)
    assert len(needed) > 5
    # The distribution is not named as the package is.
    needed = {"python-gdcm" if n == "gdcm" else n for n in needed}
    assert needed <= set(findings_file._versions())
