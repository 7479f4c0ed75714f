"""Records that are not what they should be are named, whoever reads them."""

import shutil
import sys

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import pipeline
from pipeline import loading
from tests.pipeline import conftest


@pytest.fixture
def shards(builder, tmp_path):
    """Training shards of a copy of the records."""
    copy = tmp_path / "records"
    shutil.copytree(builder.data_dir, copy)
    return sorted(copy.glob("*train.*record*"))


def _remove(shards):
    shards[1].unlink()
    return "is missing"


def _empty(shards):
    shards[1].write_bytes(b"")
    return "is empty"


def _cut(shards):
    data = shards[1].read_bytes()
    shards[1].write_bytes(data[: len(data) // 2])
    return "(cannot be read|holds 0 examples)"


def _flip(shards):
    data = bytearray(shards[1].read_bytes())
    # Both formats have begun with their records there.
    data[3000] ^= 1
    shards[1].write_bytes(data)
    return "cannot be read beyond example"


def _swap(shards):
    """Puts a shard of fewer examples, whole as it is, in place of another."""
    (test,) = [p for p in shards[1].parent.glob("*test.*0-of-*")]
    shutil.copy(test, shards[1])
    return "holds 2 examples, and should hold 8"


# What TensorFlow says of damage that does not show when the split is opened;
# ArrayRecord's own reader is Python to it.
_WHEN_READ = {
    _cut: "truncated record",
    _flip: "corrupted record|user-defined function",
    _swap: "expected to contain 41 element",
}


@pytest.mark.parametrize("damage", [_remove, _empty, _cut, _flip, _swap])
def test_split_in_memory_names_the_file(shards, damage):
    fault = damage(shards)
    with pytest.raises(ValueError, match=f"{shards[1].name} {fault}") as error:
        pipeline.load_split(shards[0].parent, "train")
    assert "--overwrite" in str(error.value)


@pytest.mark.parametrize("damage", [_remove, _empty, _cut, _flip, _swap])
def test_streamed_split_names_the_file(shards, damage):
    fault = damage(shards)
    with pytest.raises(ValueError, match=f"{shards[1].name} {fault}"):
        source = loading.open_split(
            shards[0].parent, "train", memory_budget_bytes=conftest.BUDGET
        )
        # What can only be seen by reading is never a short epoch, and found.
        with pytest.raises(
            tf.errors.OpError, match=_WHEN_READ.get(damage, "^$")
        ):
            list(pipeline.make_eval_dataset(source, "train"))
        source.check_records()


def test_damage_that_python_reads_is_tensorflows_error(array_record, tmp_path):
    """As of TFRecords: whoever reads knows no more than one kind of damage."""
    copy = shutil.copytree(array_record.data_dir, tmp_path / "records")
    source = loading.open_split(
        copy, "train", memory_budget_bytes=conftest.BUDGET
    )
    _flip(sorted(copy.glob("*train.*record*")))
    with pytest.raises(tf.errors.DataLossError):
        list(source.read_in_order())


def test_whole_records_pass(builder):
    source = loading.open_split(
        builder, "train", memory_budget_bytes=conftest.BUDGET
    )
    source.check_records()
    pipeline.load_split(builder, "train").check_records()


def test_array_records_without_their_library_are_an_error_in_words(
    array_record, monkeypatch
):
    monkeypatch.setitem(sys.modules, "array_record.python", None)
    builder = tfds.builder_from_directory(array_record.data_dir)
    with pytest.raises(
        ValueError, match=r"pip install 'xray-tfds\[array_record\]'"
    ):
        pipeline.load_split(builder, "train")
