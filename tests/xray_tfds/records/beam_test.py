"""What Beam's workers hand back, by way of files that others may write to."""

import dataclasses
import json

import numpy as np
import pytest

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.curate import examine
from xray_tfds.records import beam
from xray_tfds.source import errors
from xray_tfds.source import hash_key
from xray_tfds.source import scan


@pytest.fixture
def files(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=2)
    (images / "normal" / "IM-0000-0001.png").write_bytes(b"")
    source = scan.find(images, ("normal", "pneumonia"))
    first, *others = source.files
    return (dataclasses.replace(first, patient="Jane Doe"), *others)


def test_what_is_read_back_is_what_was_found(files):
    config = xray_tfds.XrayConfig(image_size=(64, 64))
    key = hash_key.HashKey(b"key")
    for index, file in enumerate(files):
        found = examine.examine(file, config, key)
        line = beam._to_json(index, *found)
        assert "Jane" not in line and "\n" not in line
        assert beam._from_json(line, files) == (index, *found)
    assert not np.all([bool(each.patient) for each in files])


@pytest.mark.parametrize(
    "line",
    [
        "gASVCwAAAAAAAACMB3BvdHRlcpQu",
        "{}",
        "[]",
        json.dumps({"index": 99, "digest": "", "stamp": None, "fields": {}}),
    ],
)
def test_line_that_no_worker_wrote_is_refused(line, files, tmp_path):
    (tmp_path / "examined").mkdir()
    (tmp_path / "examined" / "part-extra").write_text(line + "\n")
    options = beam.BeamOptions("DirectRunner", None)
    config = xray_tfds.XrayConfig(image_size=(64, 64))
    with pytest.raises(errors.SourceError, match="part-extra was changed"):
        list(
            beam.examine(
                (), config, options, tmp_path, hash_key.HashKey(b"key")
            )
        )
