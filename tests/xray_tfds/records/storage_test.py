"""What the system says of a disk, in words."""

import json
import pathlib
import shutil

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.records import storage
from xray_tfds.source import errors


def _write_records(path):
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(b"record")


@pytest.mark.parametrize("write", [open, _write_records])
def test_error_names_the_place_and_the_way_out(write, tmp_path):
    path = str(tmp_path / "missing" / "file")
    with pytest.raises(errors.StorageError) as info:
        with storage.reporting_errors(tmp_path):
            write(path)
    message = str(info.value)
    assert path in message and "No such file or directory" in message
    assert "--data_dir=DIR" in message
    assert info.value.status == 4


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("no")])
def test_other_errors_are_left_as_they_are(error, tmp_path):
    with pytest.raises(type(error)) as info:
        with storage.reporting_errors(tmp_path):
            raise error
    assert info.value is error


@pytest.mark.parametrize(
    "asked", ["array_record", tfds.core.FileFormat.ARRAY_RECORD]
)
def test_records_of_another_file_format_are_told_by_it(asked, prepared):
    config = xray_tfds.XrayConfig(image_size=(32, 32))
    data_dir = pathlib.Path(prepared).parents[2]
    with pytest.raises(
        errors.StorageError,
        match="are tfrecord files.*--data_dir=DIR.*file_format=array_record",
    ):
        xray_tfds.Builder(data_dir=data_dir, config=config, file_format=asked)


def test_way_out_of_damaged_information_moves_nobody(tmp_path):
    def build(images):
        config = xray_tfds.XrayConfig(image_size=(32, 24))
        builder = xray_tfds.Builder(data_dir=tmp_path / "data", config=config)
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=images)
        )
        return pathlib.Path(builder.data_dir)

    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    records = build(images)
    image_trees.write_flat_tree(images, per_class=60)
    info = records / "dataset_info.json"
    info.write_text("{")
    with pytest.raises(errors.StorageError, match=f"or remove {info.name} th"):
        build(images)
    before = json.loads((records / "build_report/splits.json").read_text())
    info.unlink()
    build(images)
    after = json.loads((records / "build_report/splits.json").read_text())
    assert before["patients"].items() < after["patients"].items()
    shutil.rmtree(records)  # This would have moved some.
    build(images)
    anew = json.loads((records / "build_report/splits.json").read_text())
    assert not before["patients"].items() <= anew["patients"].items()
