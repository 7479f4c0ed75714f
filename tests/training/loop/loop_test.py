"""The loop on small synthetic films: numbers, files, signals."""

import json
import math

from PIL import Image
import keras
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

import pipeline
from tests.helpers import loop_runs
from training.data import splits as splits_lib


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished loop_runs.run on one device, for tests that only look."""
    return loop_runs.run(
        tmp_path_factory.mktemp("finished"), augment=loop_runs.AUGMENT
    )


def test_workdir_holds_everything(finished):
    found = {path.name for path in finished.workdir.iterdir()}
    assert found == {
        "metrics.jsonl",
        "model.keras",
        "model.json",
        "best.keras",
        "checkpoints",
        "contact_sheet.png",
        "curves.png",
        "run.json",
        "tensorboard",
        ".lock",
    }
    for name in ("curves.png", "contact_sheet.png"):
        with Image.open(finished.workdir / name) as picture:
            assert picture.width > 600
            assert np.asarray(picture.convert("L")).std() > 10
    events = list(finished.workdir.glob("tensorboard/*/events.out*"))
    assert {path.parent.name for path in events} == {"train", "validation"}


def test_metrics_have_a_line_an_epoch(finished):
    records = loop_runs.read_metrics(finished.workdir)
    assert [record["epoch"] for record in records] == [1, 2]
    for record in records:
        assert set(record) == {
            "epoch",
            "loss",
            "accuracy",
            "auc",
            "val_loss",
            "val_accuracy",
            "val_auc",
            "images_per_second",
            "input_wait_share",
            "seconds",
        }
        assert all(math.isfinite(value) for value in record.values())
        assert (
            record["images_per_second"]
            > loop_runs.NUM_TRAIN / record["seconds"]
        )


def test_saved_model_gives_the_validation_metrics_by_other_means(finished):
    # Loaded without our code, fed as model.json says, scored by scikit-learn.
    info = json.loads((finished.workdir / "model.json").read_text())
    model = keras.models.load_model(
        finished.workdir / "model.keras", safe_mode=True
    )
    validation = loop_runs.make_splits().validation
    images = validation.images.numpy() * np.float32(info["rescale"])
    scores = model.predict(images, verbose=0)
    loss = keras.losses.categorical_crossentropy(
        np.eye(2)[validation.labels], scores
    )
    record = finished.records[-1]
    assert record["val_loss"] == pytest.approx(np.mean(loss), rel=1e-5)
    assert record["val_accuracy"] == pytest.approx(
        sklearn_metrics.accuracy_score(validation.labels, scores.argmax(1))
    )
    assert record["val_auc"] == pytest.approx(
        sklearn_metrics.roc_auc_score(validation.labels, scores[:, 1]),
        abs=1e-12,
    )
    assert info["class_names"] == ["class0", "class1"]
    assert info["image_size"] == [64, 64]
    assert info["epochs"] == 2 and info["stopped_by"] is None
    assert info["versions"]["keras"] == keras.__version__


def test_runs_with_one_seed_are_bit_identical(finished, tmp_path):
    again = loop_runs.run(tmp_path, augment=loop_runs.AUGMENT)
    assert loop_runs.without_timings(
        loop_runs.read_metrics(again.workdir)
    ) == loop_runs.without_timings(loop_runs.read_metrics(finished.workdir))
    assert loop_runs.max_difference(again.model, finished.model) == 0
    sheets = [r.workdir / "contact_sheet.png" for r in (again, finished)]
    assert sheets[0].read_bytes() == sheets[1].read_bytes()


def test_runs_with_two_seeds_differ(finished, tmp_path):
    other = loop_runs.run(tmp_path, seed=1, augment=loop_runs.AUGMENT)
    assert other.records[0]["loss"] != finished.records[0]["loss"]


@pytest.mark.parametrize("num_classes, contrast", [(2, 140), (3, 75)])
def test_two_replicas_end_with_the_weights_of_one(
    num_classes, contrast, tmp_path
):
    # The classes are well apart: AUC goes by ranks, and those of scores that
    # are all but equal change with the last bit.
    splits = loop_runs.make_splits(num_classes, contrast)
    one = loop_runs.run(
        tmp_path / "one", splits=splits, epochs=1, augment=loop_runs.AUGMENT
    )
    two = loop_runs.run(
        tmp_path / "two",
        splits=splits,
        epochs=1,
        augment=loop_runs.AUGMENT,
        strategy="mirrored",
        num_virtual_devices=2,
    )
    assert loop_runs.max_difference(one.model, two.model) < 1e-5
    for name, value in loop_runs.without_timings(one.records)[0].items():
        assert two.records[0][name] == pytest.approx(value, abs=1e-6), name


def test_epochs_differ_in_what_is_trained_on(tmp_path):
    # With a learning rate of next to nothing, only the images can change the
    # training loss, and nothing the validation loss.
    result = loop_runs.run(
        tmp_path, learning_rate=1e-12, augment=loop_runs.AUGMENT
    )
    first, second = result.records
    assert first["val_loss"] == second["val_loss"]
    assert first["loss"] != second["loss"]


def test_loop_learns_what_brightness_tells(tmp_path):
    result = loop_runs.run(
        tmp_path,
        splits=loop_runs.make_splits(contrast=140),
        epochs=8,
        learning_rate=0.02,
    )
    assert result.records[-1]["val_auc"] > 0.95
    assert result.records[-1]["loss"] < 0.8 * result.records[0]["loss"]


def test_featurewise_statistics_are_those_of_the_training_images(tmp_path):
    augment = pipeline.AugmentConfig(
        rescale=1 / 255,
        featurewise_center=True,
        featurewise_std_normalization=True,
    )
    result = loop_runs.run(tmp_path, epochs=1, augment=augment)
    splits = loop_runs.make_splits()
    train = splits.train.images.numpy() / 255
    with np.load(tmp_path / "statistics.npz") as saved:
        mean, std = saved["mean"], saved["std"]
    np.testing.assert_allclose(mean.ravel(), train.mean(), rtol=1e-5)
    np.testing.assert_allclose(std.ravel(), train.std(), rtol=1e-5)
    # Validation images are normalised by them too.
    images = (splits.validation.images.numpy() / 255 - mean) / std
    loss = keras.losses.categorical_crossentropy(
        np.eye(2)[splits.validation.labels],
        result.model.predict(images, verbose=0),
    )
    assert result.records[0]["val_loss"] == pytest.approx(
        float(np.mean(loss)), rel=1e-4
    )


def test_missing_class_in_validation_gives_null_and_a_warning(tmp_path):
    validation = pipeline.Split.from_arrays(
        np.zeros((3, 64, 64, 1), np.uint8),
        np.ones(3, np.int64),
        class_names=["class0", "class1"],
        name="validation",
    )
    splits = splits_lib.Splits(
        "noise", loop_runs.make_splits().train, validation
    )
    with pytest.warns(RuntimeWarning, match="AUC is undefined"):
        loop_runs.run(tmp_path, splits=splits, epochs=1)
    (record,) = loop_runs.read_metrics(tmp_path)
    assert record["val_auc"] is None
    assert record["auc"] is not None


def test_best_model_may_be_that_of_the_last_epoch(tmp_path, capsys):
    loop_runs.run(tmp_path, epochs=3, learning_rate=0.5, monitor="epoch")
    assert "Best" not in capsys.readouterr().out
    best, last = (
        keras.models.load_model(tmp_path / name).get_weights()
        for name in ("best.keras", "model.keras")
    )
    for ours, theirs in zip(best, last, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_early_stopping_keeps_the_best_and_the_last_model(tmp_path, capsys):
    fields = {"epochs": 20, "learning_rate": 0.5, "monitor": "val_loss"}
    result = loop_runs.run(tmp_path, early_stopping_patience=2, **fields)
    losses = [record["val_loss"] for record in result.records]
    assert len(losses) < 20
    best = int(np.argmin(losses))
    assert len(losses) == best + 3
    assert "val_loss has not become better for 2" in capsys.readouterr().out
    validation = loop_runs.make_splits().validation
    images = validation.images.numpy() * np.float32(1 / 255)
    for name, value in (("best", losses[best]), ("model", losses[-1])):
        model = keras.models.load_model(tmp_path / f"{name}.keras")
        scores = model.predict(images, verbose=0)
        loss = keras.losses.categorical_crossentropy(
            np.eye(2)[validation.labels], scores
        )
        assert float(np.mean(loss)) == pytest.approx(value, rel=1e-4)
    # The same has nothing left to do; more patience trains on.
    again = loop_runs.run(tmp_path, early_stopping_patience=2, **fields)
    assert len(again.records) == len(losses)
    patient = loop_runs.run(tmp_path, early_stopping_patience=3, **fields)
    assert len(patient.records) > len(losses)


def test_output_is_short_and_says_where_everything_is(tmp_path, capsys):
    loop_runs.run(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Data: noise, 64x64x1"
    assert lines[2].split() == ["train", "13", "12", "25"]
    assert sum(line.startswith("Epoch ") for line in lines) == 2
    assert f"Everything is in {tmp_path}" in lines
    assert len(lines) < 25


def test_too_small_images_leave_no_workdir(tmp_path):
    split = pipeline.Split.from_arrays(
        np.zeros((4, 32, 32, 1), np.uint8),
        np.array([0, 1, 0, 1]),
        class_names=["a", "b"],
    )
    splits = splits_lib.Splits("small", split, split)
    with pytest.raises(ValueError, match="at least 62x62"):
        loop_runs.run(tmp_path / "new", splits=splits)
    assert not (tmp_path / "new").exists()
