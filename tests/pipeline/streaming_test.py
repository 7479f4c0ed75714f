"""Splits larger than the memory budget, read from their files as needed."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import pipeline
from pipeline import streaming
from tests.helpers import image_trees

_SIZE = (16, 12)
_NUM_TRAIN = 41
# Less than the decoded images, and enough for a window of a dozen records.
_BUDGET = _NUM_TRAIN * _SIZE[0] * _SIZE[1] - 1
_CONFIG = pipeline.AugmentConfig(width_shift_range=0.2, horizontal_flip=True)


def _build(image_tree, data_dir, **options):
    return image_trees.build_records(image_tree, data_dir, _SIZE, 5, **options)


@pytest.fixture(scope="module")
def tfrecord(image_tree, tmp_path_factory):
    return _build(image_tree, tmp_path_factory.mktemp("tfrecord"))


@pytest.fixture(scope="module")
def array_record(image_tree, tmp_path_factory):
    return _build(
        image_tree,
        tmp_path_factory.mktemp("array_record"),
        file_format="array_record",
    )


@pytest.fixture(params=["tfrecord", "array_record"])
def builder(request):
    return request.getfixturevalue(request.param)


def _make(builder, config=_CONFIG, **options):
    options = {"batch_size": 8, "seed": 3, "label_mode": "sparse"} | options
    return pipeline.make_train_dataset(
        builder, "train", config, memory_budget_bytes=_BUDGET, **options
    )


def _collect(ds):
    """Returns the columns of one pass, concatenated."""
    return [np.concatenate(column) for column in zip(*ds.as_numpy_iterator())]


def _rows(images):
    return sorted(image.tobytes() for image in np.asarray(images, np.float32))


def test_split_in_memory_is_the_same_from_any_file_format(
    tfrecord, array_record
):
    first = pipeline.load_split(tfrecord, "train")
    second = pipeline.load_split(array_record, "train")
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.filenames == second.filenames


def test_epoch_holds_each_example_once_and_differs_from_the_next(builder):
    ds = _make(builder, pipeline.AugmentConfig())
    expected = _rows(pipeline.load_split(builder, "train").images)
    first, labels = _collect(ds)
    second, _ = _collect(ds)
    assert _rows(first) == _rows(second) == expected
    assert not np.array_equal(first, second)
    assert labels.sum() == 18


def test_batches_of_array_records_are_those_of_the_epoch_plan(array_record):
    source = streaming.open_split(
        array_record, "train", memory_budget_bytes=_BUDGET
    )
    assert isinstance(source, streaming.ArrayRecordSplit)
    order, params = pipeline.epoch_plan(
        3, 2, num_examples=_NUM_TRAIN, image_shape=(*_SIZE, 1), config=_CONFIG
    )
    images, labels = source.fetch(order, ())
    rows = {
        name: tf.gather(value, order) if tf.is_tensor(value) else value
        for name, value in params.items()
    }
    expected = pipeline.apply_transform(images, rows, _CONFIG)
    actual, actual_labels = _collect(_make(array_record, epoch=2))
    np.testing.assert_allclose(actual, expected, atol=1e-3)
    np.testing.assert_array_equal(actual_labels, labels)


def test_window_of_tfrecords_respects_the_budget_and_mixes(tfrecord):
    source = streaming.open_split(
        tfrecord, "train", memory_budget_bytes=_BUDGET
    )
    assert isinstance(source, streaming.TFRecordSplit)
    assert 1 < source.window < _NUM_TRAIN
    record_bytes = tfrecord.info.splits["train"].num_bytes / _NUM_TRAIN
    assert 3 * source.window * record_bytes <= _BUDGET
    in_order = _collect(
        _make(tfrecord, pipeline.AugmentConfig(), shuffle=False)
    )
    shuffled = _collect(_make(tfrecord, pipeline.AugmentConfig()))
    kept = (in_order[0] == shuffled[0]).all(axis=(1, 2, 3)).mean()
    assert kept < 0.3


@pytest.mark.parametrize(
    "step, num_epochs",
    [(0, None), (1, None), (4, None), (5, None), (6, None), (1, 1)],
)
def test_dataset_from_a_step_is_the_tail_of_the_epoch(
    builder, step, num_epochs
):
    whole = list(_make(builder, epoch=1).as_numpy_iterator())
    spans = {} if num_epochs is None else {"num_spans": 3}
    ds = _make(builder, epoch=1, step=step, num_epochs=num_epochs, **spans)
    tail = list(ds.as_numpy_iterator())
    assert len(tail) == len(whole) - step
    for expected, actual in zip(whole[step:], tail):
        for one, other in zip(expected, actual):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("num_parallel_calls", [1, 2])
def test_batches_do_not_depend_on_the_parallelism(builder, num_parallel_calls):
    expected = _collect(_make(builder))
    actual = _collect(_make(builder, num_parallel_calls=num_parallel_calls))
    for one, other in zip(expected, actual):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("replicas", [2, 3])
def test_replicas_share_the_batches_of_one(builder, replicas):
    expected, expected_labels = _collect(_make(builder))
    images, labels = [], []
    for pipeline_id in range(replicas):
        ctx = tf.distribute.InputContext(replicas, pipeline_id, replicas)
        columns = list(_make(builder, ctx=ctx).as_numpy_iterator())
        images.append([image[weight > 0] for image, _, weight in columns])
        labels.append([label[weight > 0] for _, label, weight in columns])
    for column, whole in ((images, expected), (labels, expected_labels)):
        steps = [np.concatenate(parts) for parts in zip(*column)]
        np.testing.assert_array_equal(np.concatenate(steps), whole)


def test_evaluation_is_in_record_order(builder):
    ds = pipeline.make_eval_dataset(
        builder, "train", label_mode="sparse", memory_budget_bytes=_BUDGET
    )
    first, second = _collect(ds), _collect(ds)
    np.testing.assert_array_equal(first[0], second[0])
    assert len(first[0]) == _NUM_TRAIN
    if builder.info.file_format == tfds.core.FileFormat.TFRECORD:
        records = builder.as_dataset(split="train").as_numpy_iterator()
        expected = np.stack([example["image"] for example in records])
        np.testing.assert_array_equal(first[0], expected)


def test_files_that_lost_records_are_an_error_not_a_short_epoch(
    tfrecord, tmp_path
):
    copy = tmp_path / "records"
    shutil.copytree(tfrecord.data_dir, copy)
    shard = sorted(copy.glob("*train.tfrecord*"))[1]
    shard.write_bytes(b"")
    with pytest.raises(tf.errors.FailedPreconditionError, match="only 33"):
        _collect(_make(tfds.builder_from_directory(copy)))


@pytest.mark.parametrize("budget", [_BUDGET, _BUDGET + 1])
def test_array_record_files_that_lost_records_are_refused_when_opened(
    array_record, tmp_path, budget
):
    copy = tmp_path / "records"
    shutil.copytree(array_record.data_dir, copy)
    shards = sorted(copy.glob("*train.array_record*"))
    lost = array_record.info.splits["train"].shard_lengths[1]
    shutil.copy(sorted(copy.glob("*test.array_record*"))[0], shards[1])
    held = array_record.info.splits["test"].shard_lengths[0]
    assert held != lost
    with pytest.raises(RuntimeError, match=f"hold {_NUM_TRAIN - lost + held}"):
        streaming.open_split(
            tfds.builder_from_directory(copy),
            "train",
            memory_budget_bytes=budget,
        )


def test_flipped_byte_is_an_error(tfrecord, tmp_path):
    copy = tmp_path / "records"
    shutil.copytree(tfrecord.data_dir, copy)
    shard = sorted(copy.glob("*train.tfrecord*"))[1]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(tf.errors.DataLossError, match="corrupted record"):
        _collect(_make(tfds.builder_from_directory(copy)))


def test_window_shuffle_is_announced(tfrecord, caplog):
    streaming.open_split(tfrecord, "train", memory_budget_bytes=_BUDGET)
    assert "shuffling its 5 shards and a window of" in caplog.text
