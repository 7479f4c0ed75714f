"""Splits larger than the memory budget, read from their files as needed."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import pipeline
from pipeline import array_record_split
from pipeline import loading
from pipeline import tfrecord_split
from tests.helpers import damaged_files
from tests.pipeline import conftest

_SIZE = conftest.SIZE
_NUM_TRAIN = conftest.NUM_TRAIN
# Less than the decoded images, and enough for a window of a dozen records.
_BUDGET = conftest.BUDGET
_CONFIG = pipeline.AugmentConfig(width_shift_range=0.2, horizontal_flip=True)


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
    source = loading.open_split(
        array_record, "train", memory_budget_bytes=_BUDGET
    )
    assert isinstance(source, array_record_split.ArrayRecordSplit)
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
    source = loading.open_split(tfrecord, "train", memory_budget_bytes=_BUDGET)
    assert isinstance(source, tfrecord_split.TFRecordSplit)
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


def test_window_shuffle_is_announced(tfrecord, caplog):
    loading.open_split(tfrecord, "train", memory_budget_bytes=_BUDGET)
    assert "shuffling its 5 shards and a window of" in caplog.text


@pytest.mark.parametrize("budget", [_BUDGET, _BUDGET + 1])
def test_any_split_counts_its_labels(builder, budget):
    source = loading.open_split(builder, "train", memory_budget_bytes=budget)
    assert (source.images is None) == (budget == _BUDGET)
    assert source.count_labels().tolist() == [23, 18]
    labels = pipeline.load_split(builder, "train").labels
    assert np.bincount(labels).tolist() == [23, 18]


def _open(builder, split="train"):
    return loading.open_split(builder, split, memory_budget_bytes=1)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_labels_and_names_are_read_beside_the_records(
    split, builder, monkeypatch
):
    # ArrayRecord has no dataset of TFDS: its data source says as much.
    if builder.info.file_format == tfds.core.FileFormat.TFRECORD:
        records = list(builder.as_dataset(split=split).as_numpy_iterator())
    else:
        records = list(builder.as_data_source(split=split))
    source = _open(builder, split)
    monkeypatch.setattr(type(source), "read_in_order", None)
    columns = source.read_columns()
    labels = [record["label"] for record in records]
    np.testing.assert_array_equal(columns.labels, labels)
    np.testing.assert_array_equal(source.all_labels(), labels)
    for name in ("filename", "patient"):
        texts = [record[name].decode() for record in records]
        assert list(getattr(columns, f"{name}s")) == texts


def _remove(path):
    path.unlink()


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-9])


def _replace(path):
    """Puts the columns of another split there, whose shards differ."""
    path.write_bytes(path.with_name("columns-validation.npz").read_bytes())


@pytest.mark.parametrize(
    "change", [_remove, _truncate, damaged_files.flip_bit, _replace]
)
def test_records_are_read_where_no_columns_are_theirs(
    change, builder, tmp_path, caplog
):
    directory = tmp_path / "records"
    shutil.copytree(builder.data_dir, directory)
    source = _open(tfds.builder_from_directory(directory))
    expected = source.read_columns()
    change(directory / "build_report" / "columns-train.npz")
    source = _open(tfds.builder_from_directory(directory))
    columns = source.read_columns()
    np.testing.assert_array_equal(columns.labels, expected.labels)
    for name in ("filenames", "patients"):
        assert list(getattr(columns, name)) == list(getattr(expected, name))
    assert ("is damaged" in caplog.text) == (
        change in (_truncate, damaged_files.flip_bit)
    )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_any_split_is_fitted_alike(builder, data_format):
    config = pipeline.AugmentConfig(
        featurewise_center=True,
        featurewise_std_normalization=True,
        data_format=data_format,
    )
    found = [
        pipeline.fit_statistics(
            loading.open_split(builder, "train", memory_budget_bytes=budget),
            config,
        )
        for budget in (_BUDGET, _BUDGET + 1)
    ]
    images = np.float64(pipeline.load_split(builder, "train").images)
    for statistics in found:
        np.testing.assert_allclose(statistics.mean, images.mean(), rtol=1e-6)
        np.testing.assert_allclose(statistics.std, images.std(), rtol=1e-6)
