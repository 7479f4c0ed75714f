"""The loop on small synthetic films: numbers, callbacks, files, signals."""

import csv
import json
import math
import os
import signal

from PIL import Image
import keras
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

import pipeline
from training import config as config_lib
from training import data as data_lib
from training import loop

# No batch size in use divides either; the last batch holds 1 and 3 examples,
# so one of two replicas has none at all in training.
NUM_TRAIN, NUM_VALIDATION, BATCH_SIZE = 25, 11, 8
AUGMENT = pipeline.AugmentConfig(
    rescale=1 / 255, width_shift_range=0.1, vertical_flip=True
)
PLAIN = pipeline.AugmentConfig(rescale=1 / 255)


def make_split(name, num_examples, num_classes=2, contrast=25):
    """Noise whose brightness tells the class, by `contrast` grey levels."""
    rng = np.random.default_rng(num_examples)
    labels = np.arange(num_examples) % num_classes
    images = rng.integers(0, 100, (num_examples, 64, 64, 1))
    images += (contrast * labels)[:, None, None, None]
    return pipeline.Split.from_arrays(
        images.astype(np.uint8),
        labels,
        class_names=[f"class{k}" for k in range(num_classes)],
        name=name,
    )


def make_splits(num_classes=2, contrast=25):
    kind = {"num_classes": num_classes, "contrast": contrast}
    return data_lib.Splits(
        name="noise",
        train=make_split("train", NUM_TRAIN, **kind),
        validation=make_split("validation", NUM_VALIDATION, **kind),
    )


def run(workdir, *, callbacks=(), splits=None, **fields):
    options = {"epochs": 2, "batch_size": BATCH_SIZE, "augment": PLAIN}
    config = config_lib.TrainConfig(
        workdir=str(workdir), **(options | fields)
    )
    return loop.train_and_evaluate(
        config, splits or make_splits(), callbacks=callbacks
    )


def read_metrics(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def without_timings(records):
    timings = ("seconds", "images_per_second")
    return [
        {k: v for k, v in record.items() if k not in timings}
        for record in records
    ]


def max_difference(a, b):
    return max(
        np.abs(x - y).max() for x, y in zip(a.get_weights(), b.get_weights())
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run on one device, for tests that only look."""
    return run(tmp_path_factory.mktemp("finished"), augment=AUGMENT)


def test_workdir_holds_everything(finished):
    found = {path.name for path in finished.workdir.iterdir()}
    assert found == {
        "metrics.jsonl",
        "model.keras",
        "model.json",
        "curves.png",
        "contact_sheet.png",
        "tensorboard",
    }
    for name in ("curves.png", "contact_sheet.png"):
        with Image.open(finished.workdir / name) as picture:
            assert picture.width > 600
            assert np.asarray(picture.convert("L")).std() > 10
    events = list(finished.workdir.glob("tensorboard/*/events.out*"))
    assert {path.parent.name for path in events} == {"train", "validation"}


def test_metrics_have_a_line_an_epoch(finished):
    records = read_metrics(finished.workdir)
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
            "seconds",
        }
        assert all(math.isfinite(value) for value in record.values())
        assert record["images_per_second"] > NUM_TRAIN / record["seconds"]


def test_saved_model_gives_the_validation_metrics_by_other_means(finished):
    # Loaded without our code, fed as model.json says, scored by scikit-learn.
    info = json.loads((finished.workdir / "model.json").read_text())
    model = keras.models.load_model(
        finished.workdir / "model.keras", safe_mode=True
    )
    validation = make_splits().validation
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
    again = run(tmp_path, augment=AUGMENT)
    assert without_timings(read_metrics(again.workdir)) == without_timings(
        read_metrics(finished.workdir)
    )
    assert max_difference(again.model, finished.model) == 0
    sheets = [r.workdir / "contact_sheet.png" for r in (again, finished)]
    assert sheets[0].read_bytes() == sheets[1].read_bytes()


def test_runs_with_two_seeds_differ(finished, tmp_path):
    other = run(tmp_path, seed=1, augment=AUGMENT)
    assert other.records[0]["loss"] != finished.records[0]["loss"]


@pytest.mark.parametrize("num_classes, contrast", [(2, 140), (3, 75)])
def test_two_replicas_end_with_the_weights_of_one(
    num_classes, contrast, tmp_path
):
    # The classes are well apart: AUC goes by ranks, and those of scores that
    # are all but equal change with the last bit.
    splits = make_splits(num_classes, contrast)
    one = run(tmp_path / "one", splits=splits, epochs=1, augment=AUGMENT)
    two = run(
        tmp_path / "two",
        splits=splits,
        epochs=1,
        augment=AUGMENT,
        strategy="mirrored",
        num_virtual_devices=2,
    )
    assert max_difference(one.model, two.model) < 1e-5
    for name, value in without_timings(one.records)[0].items():
        assert two.records[0][name] == pytest.approx(value, abs=1e-6), name


def test_epochs_differ_in_what_is_trained_on(tmp_path):
    # With a learning rate of next to nothing, only the images can change the
    # training loss, and nothing the validation loss.
    result = run(tmp_path, learning_rate=1e-12, augment=AUGMENT)
    first, second = result.records
    assert first["val_loss"] == second["val_loss"]
    assert first["loss"] != second["loss"]


def test_loop_learns_what_brightness_tells(tmp_path):
    result = run(
        tmp_path,
        splits=make_splits(contrast=140),
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
    result = run(tmp_path, epochs=1, augment=augment)
    splits = make_splits()
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
    splits = data_lib.Splits("noise", make_splits().train, validation)
    with pytest.warns(RuntimeWarning, match="AUC is undefined"):
        run(tmp_path, splits=splits, epochs=1)
    (record,) = read_metrics(tmp_path)
    assert record["val_auc"] is None
    assert record["auc"] is not None


class _Recorder(keras.callbacks.Callback):
    """Writes down every hook with the names in its logs."""

    def __init__(self):
        super().__init__()
        self.events = []

    def _note(self, event, logs):
        self.events.append((event, tuple(logs or ())))
        for value in (logs or {}).values():
            assert isinstance(value, float)

    def on_train_begin(self, logs=None):
        self._note("train_begin", logs)

    def on_train_end(self, logs=None):
        self._note("train_end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._note(f"epoch_begin {epoch}", logs)

    def on_epoch_end(self, epoch, logs=None):
        self._note(f"epoch_end {epoch}", sorted_logs(logs))

    def on_train_batch_begin(self, batch, logs=None):
        self._note(f"train_batch_begin {batch}", logs)

    def on_train_batch_end(self, batch, logs=None):
        self._note(f"train_batch_end {batch}", sorted_logs(logs))

    def on_test_begin(self, logs=None):
        self._note("test_begin", logs)

    def on_test_batch_begin(self, batch, logs=None):
        self._note(f"test_batch_begin {batch}", logs)

    def on_test_batch_end(self, batch, logs=None):
        self._note(f"test_batch_end {batch}", sorted_logs(logs))

    def on_test_end(self, logs=None):
        self._note("test_end", sorted_logs(logs))


def sorted_logs(logs):
    """The logs without the metric `fit` cannot compute exactly, by name."""
    return {k: logs[k] for k in sorted(logs) if not k.endswith("auc")}


def test_callbacks_are_called_as_by_fit(tmp_path):
    ours, keras_own = _Recorder(), _Recorder()
    splits = make_splits()
    result = run(tmp_path, splits=splits, callbacks=[ours])
    arguments = {"batch_size": BATCH_SIZE}
    result.model.fit(
        pipeline.make_eval_dataset(splits.train, "train", **arguments),
        validation_data=pipeline.make_eval_dataset(
            splits.validation, "validation", **arguments
        ),
        epochs=2,
        callbacks=[keras_own],
        verbose=0,
    )
    ends = [i for i, e in enumerate(ours.events) if e[0] == "train_end"]
    assert [e for e, _ in ours.events] == [e for e, _ in keras_own.events]
    assert ends == [len(ours.events) - 1]
    in_batches = [
        [e for e in recorder.events if "epoch" in e[0] or "batch" in e[0]]
        for recorder in (ours, keras_own)
    ]
    assert in_batches[0] == in_batches[1]


def test_history_has_the_logs_of_each_epoch(finished):
    history = finished.model.history.history
    assert history["val_auc"] == [r["val_auc"] for r in finished.records]
    assert history["loss"] == [r["loss"] for r in finished.records]


def test_early_stopping_stops_and_restores_the_best_weights(tmp_path):
    # At this learning rate training falls apart at once.
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", patience=1, restore_best_weights=True
    )
    result = run(
        tmp_path, epochs=20, learning_rate=0.5, callbacks=[stopping]
    )
    losses = [record["val_loss"] for record in result.records]
    assert len(losses) < 20
    assert min(losses) == losses[-2]
    validation = make_splits().validation
    images = validation.images.numpy() * np.float32(1 / 255)
    loss = keras.losses.categorical_crossentropy(
        np.eye(2)[validation.labels], result.model.predict(images, verbose=0)
    )
    assert float(np.mean(loss)) == pytest.approx(min(losses), rel=1e-4)


def test_model_checkpoint_keeps_the_best_auc_without_being_told_max(tmp_path):
    path = tmp_path / "best.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(
        path, monitor="val_auc", save_best_only=True
    )
    result = run(tmp_path / "run", epochs=3, callbacks=[checkpoint])
    best = max(record["val_auc"] for record in result.records)
    assert checkpoint.best == best
    assert keras.models.load_model(path).count_params() > 0


def test_learning_rate_callbacks_reach_the_optimizer(tmp_path):
    # The schedule switches learning off from the second epoch on.
    weights = []
    result = run(
        tmp_path,
        epochs=3,
        callbacks=[
            keras.callbacks.LearningRateScheduler(
                lambda epoch, rate: rate if epoch == 0 else 0.0
            ),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: weights.append(
                    float(logs["val_loss"])
                )
            ),
        ],
    )
    assert weights[0] == weights[1] == weights[2]
    assert float(result.model.optimizer.learning_rate) == 0


def test_reduce_lr_on_plateau_lowers_the_learning_rate(tmp_path):
    result = run(
        tmp_path,
        epochs=4,
        learning_rate=1e-12,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(
                "val_auc", factor=0.5, patience=1
            )
        ],
    )
    # The first epoch sets the mark, each of the three after it falls short.
    rate = float(result.model.optimizer.learning_rate)
    assert rate == pytest.approx(1e-12 / 8)


def test_csv_logger_writes_the_logs(tmp_path):
    path = tmp_path / "log.csv"
    result = run(
        tmp_path / "run", callbacks=[keras.callbacks.CSVLogger(path)]
    )
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_auc"]) for row in rows] == [
        record["val_auc"] for record in result.records
    ]


@pytest.mark.parametrize(
    "signum, name",
    [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")],
)
def test_signal_ends_after_the_step_and_leaves_a_usable_workdir(
    signum, name, tmp_path, capsys
):
    def send(batch, logs):
        if len(seen) == 1 and batch == 1:
            os.kill(os.getpid(), signum)

    seen = []
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    result = run(
        tmp_path,
        epochs=9,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=send,
                on_epoch_end=lambda epoch, logs: seen.append(epoch),
            )
        ],
    )
    after = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    assert result.signum == signum
    assert before == after
    # One epoch of four steps, and two steps of the second.
    assert int(result.model.optimizer.iterations.numpy()) == 6
    assert [r["epoch"] for r in read_metrics(tmp_path)] == [1]
    info = json.loads((tmp_path / "model.json").read_text())
    assert info["stopped_by"] == name and info["epochs"] == 1
    saved = keras.models.load_model(tmp_path / "model.keras")
    assert max_difference(saved, result.model) == 0
    assert (tmp_path / "curves.png").exists()
    assert f"Stopped by {name} after 1 epoch" in capsys.readouterr().out


def test_signal_before_the_first_epoch_ends_leaves_a_model(tmp_path):
    result = run(
        tmp_path,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: os.kill(
                    os.getpid(), signal.SIGTERM
                )
            )
        ],
    )
    assert result.records == []
    assert keras.models.load_model(tmp_path / "model.keras")
    assert not (tmp_path / "curves.png").exists()


def test_workdir_with_a_run_in_it_is_left_alone(finished):
    before = (finished.workdir / "metrics.jsonl").read_bytes()
    with pytest.raises(ValueError, match="already holds a run"):
        run(finished.workdir)
    assert (finished.workdir / "metrics.jsonl").read_bytes() == before


def test_output_is_short_and_says_where_everything_is(tmp_path, capsys):
    run(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Data: noise, 64x64x1"
    assert lines[2].split() == ["train", "13", "12", "25"]
    assert sum(line.startswith("Epoch ") for line in lines) == 2
    assert f"Everything is in {tmp_path}" in lines
    assert len(lines) < 20


def test_too_small_images_leave_no_workdir(tmp_path):
    split = pipeline.Split.from_arrays(
        np.zeros((4, 32, 32, 1), np.uint8),
        np.array([0, 1, 0, 1]),
        class_names=["a", "b"],
    )
    splits = data_lib.Splits("small", split, split)
    with pytest.raises(ValueError, match="at least 62x62"):
        run(tmp_path / "new", splits=splits)
    assert not (tmp_path / "new").exists()
