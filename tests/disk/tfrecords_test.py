"""Records are found where TensorFlow has put them."""

import pytest
import tensorflow as tf

from disk import tfrecords


@pytest.fixture
def written(tmp_path):
    """A file of records, and what they hold."""
    records = [b"a", b"bc", bytes(range(256)) * 300, b"last"]
    path = tmp_path / "x.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path, records


def _read(path):
    data = path.read_bytes()
    with open(path, "rb") as file:
        return [
            data[start : start + length]
            for start, length in tfrecords.walk(file, len(data))
        ]


def test_records_are_those_that_tensorflow_wrote(written):
    path, records = written
    assert _read(path) == records


@pytest.mark.parametrize("left_out", [5, 9, 20])
def test_what_ends_early_is_left_out(written, left_out):
    path, records = written
    path.write_bytes(path.read_bytes()[:-left_out])
    assert _read(path) == records[:-1]


def test_length_beyond_the_end_is_not_followed(written):
    path, records = written
    data = bytearray(path.read_bytes())
    data[17:25] = b"\xff" * 8  # Of the second, behind a byte in 16 others.
    path.write_bytes(data)
    assert _read(path) == records[:1]


def test_zeros_are_no_records(written):
    path, records = written
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-24] + bytes(24))  # The last, b"last".
    assert _read(path) == records[:-1]
    path.write_bytes(bytes(size))
    assert not _read(path)
