"""What the system says of a disk, in words."""

import pathlib

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

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
