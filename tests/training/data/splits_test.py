"""Splits whose records go bad are an error in words, wherever it shows."""

import shutil

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import pipeline
from tests.helpers import damaged_files
from tests.helpers import loop_runs
from training.data import splits as splits_lib
import xray_tfds

# Far less than the decoded images: they are read as needed.
_STREAMED = {"memory_budget_gb": 1e-6}


@pytest.fixture
def records(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "records")


def _damage(records, split):
    (shard,) = records.glob(f"*-{split}.tfrecord*")
    damaged_files.flip_bit(shard)
    return shard.name


@pytest.mark.parametrize("split", ["train", "validation"])
def test_damaged_records_end_a_run_with_their_name(records, split, tmp_path):
    splits = splits_lib.load_splits(records, **_STREAMED)
    assert splits.train.images is None
    shard = _damage(records, split)
    with pytest.raises(
        ValueError, match=f"{shard} cannot be read.*--overwrite"
    ):
        loop_runs.run(
            tmp_path / "run", splits=splits, epochs=1, model="residual"
        )


def test_damaged_records_are_named_while_statistics_are_fitted(
    records, tmp_path
):
    splits = splits_lib.load_splits(records, **_STREAMED)
    shard = _damage(records, "train")
    augment = pipeline.AugmentConfig(featurewise_center=True)
    with pytest.raises(ValueError, match=f"{shard} cannot be read"):
        loop_runs.run(
            tmp_path / "run", splits=splits, augment=augment, model="residual"
        )


def test_damaged_records_are_named_while_class_weights_are_counted(
    records, tmp_path
):
    # As of a version that left no columns beside records.
    (records / "build_report" / "columns-train.npz").unlink()
    splits = splits_lib.load_splits(records, **_STREAMED)
    shard = _damage(records, "train")
    with pytest.raises(ValueError, match=f"{shard} cannot be read"):
        loop_runs.run(
            tmp_path / "run",
            splits=splits,
            class_weight="balanced",
            model="residual",
        )


def test_other_errors_of_tensorflow_pass_as_they_are(records):
    splits = splits_lib.load_splits(records, **_STREAMED)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        with splits.naming_damage():
            raise tf.errors.ResourceExhaustedError(None, None, "no memory")


def test_option_that_records_do_not_have_is_refused(records):
    builder = tfds.builder_from_directory(records)
    given = {"harmonize": "none", "on_leak": builder.info.metadata["on_leak"]}
    splits_lib.check_options(builder, given, {})
    message = "`harmonise` is no option .*Received: harmonise=crop"
    with pytest.raises(ValueError, match=message):
        splits_lib.check_options(builder, {**given, "harmonise": "crop"}, {})
    # Records that are older than an option have its default.
    del builder.info.metadata["harmonize"]
    defaults = {"harmonize": "none"}
    splits_lib.check_options(builder, given, defaults)
    with pytest.raises(ValueError, match="`harmonize` is no option"):
        splits_lib.check_options(builder, {"harmonize": "crop"}, defaults)


@pytest.mark.parametrize("value", [64, None, "64,64", [1, 2]])
def test_option_of_another_kind_is_told_in_words(records, value):
    builder = tfds.builder_from_directory(records)
    with pytest.raises(ValueError, match="`image_size` cannot.*Received"):
        splits_lib.check_options(builder, {"image_size": value}, {})


def test_records_of_other_options_are_named(tmp_path):
    config = xray_tfds.XrayConfig(image_size=(32, 24))
    other = tmp_path / "xray_tfds" / config.name / "1.0.0"
    other.mkdir(parents=True)
    (other / "dataset_info.json").write_text("{}")
    builder = xray_tfds.Builder(data_dir=tmp_path)
    with pytest.raises(ValueError, match="No records of") as caught:
        splits_lib.check_options(builder, {"image_size": (32, 24)}, {})
    assert f"--dataset=xray_tfds/{config.name}." in str(caught.value)
