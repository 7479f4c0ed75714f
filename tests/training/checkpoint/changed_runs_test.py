"""Runs whose settings, data or directory are not what they were."""

import json
import math

import keras
import pytest

from disk import hashing
from inference import run_files
import pipeline
from tests.helpers import loop_runs
from training import config as config_lib
from training import loop
from training.workdir import directory as directory_lib
from training.workdir import metrics_file


def test_changed_settings_are_refused_with_what_has_changed(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(2)])
    before = sorted(path.rglob("*"))
    augment = pipeline.AugmentConfig(rescale=1 / 255, vertical_flip=True)
    with pytest.raises(ValueError, match="--resume=force") as error:
        loop_runs.run(path, learning_rate=0.5, augment=augment, seed=3)
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[1:4] == [
        "learning_rate: 0.005 -> 0.5",
        "seed: 0 -> 3",
        "vertical_flip: False -> True",
    ]
    assert sorted(path.rglob("*")) == before


def test_epochs_matter_where_the_schedule_depends_on_them(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, schedule="cosine", callbacks=[loop_runs.stop_at(2)])
    with pytest.raises(ValueError, match="epochs: 2 -> 3"):
        loop_runs.run(path, schedule="cosine", epochs=3)


def test_forced_learning_rate_is_used_and_remembered(tmp_path, capsys):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(6)])
    forced = loop_runs.run(path, learning_rate=1e-9, resume="force")
    assert "learning_rate: 0.005 -> 1e-09" in capsys.readouterr().out
    rate = float(forced.model.optimizer.learning_rate)
    assert rate == pytest.approx(1e-9)
    assert len(forced.records) == 2
    # The epoch began anew: all its examples count.
    assert int(forced.model.optimizer.iterations.numpy()) == 6 + 4
    # It is now a run with this learning rate.
    again = loop_runs.run(path, learning_rate=1e-9)
    assert again.records == [
        metrics_file.plain_record(r) for r in forced.records
    ]


@pytest.mark.parametrize(
    "before",
    [{"schedule": "cosine"}, {"schedule": "exponential"}, {"warmup_epochs": 1}],
)
def test_forced_constant_rate_is_that_of_the_options(before, tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(3)], **before)
    forced = loop_runs.run(path, resume="force")
    rate = float(forced.model.optimizer.learning_rate)
    assert rate == pytest.approx(0.005)


@pytest.mark.parametrize(
    "after",
    [{"batch_size": 2 * loop_runs.BATCH_SIZE}, {"optimizer": "sgd"}],
)
def test_schedule_of_a_forced_run_ends_with_its_epochs(after, tmp_path):
    path, rates = tmp_path / "run", []

    fields = {"epochs": 4, "schedule": "cosine"}
    # Two epochs, and a step of the third, which begins anew.
    stop = loop_runs.stop_at(2 * loop_runs.STEPS_PER_EPOCH + 1)
    loop_runs.run(path, callbacks=[stop], **fields)
    forced = _RateNoter(rates)
    loop_runs.run(path, resume="force", callbacks=[forced], **fields | after)
    count = len(rates)
    assert count in (2 * loop_runs.STEPS_PER_EPOCH, loop_runs.STEPS_PER_EPOCH)
    # As if the run had been begun so: half of it is left.
    shares = [0.5 + n / (2 * count) for n in range(count)]
    expected = [0.005 * (1 + math.cos(math.pi * s)) / 2 for s in shares]
    assert rates == pytest.approx(expected, abs=1e-8)


class _RateNoter(keras.callbacks.Callback):
    """Notes the learning rate of each step."""

    def __init__(self, rates):
        super().__init__()
        self._rates = rates

    def on_train_batch_end(self, batch, logs=None):
        self._rates.append(float(self.model.optimizer.learning_rate))


def test_run_of_before_an_option_is_found_without_its_directory(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = {"workdir": None, "epochs": 1}
    stopped = run_anywhere(config, callbacks=[loop_runs.stop_at(2)])
    # As a version wrote them that had no gamma.
    for path in (stopped.workdir / "run.json", *tmp_path.rglob("state.json")):
        run = json.loads(path.read_text())
        del run["settings"]["gamma_range"]
        path.write_text(json.dumps(run))
        sums = path.parent / "SHA256SUMS"
        if sums.exists():
            lines = sums.read_text().splitlines()
            digest = hashing.hash_file(path)
            lines[1] = f"{digest}  {path.name}"
            sums.write_text("\n".join(lines) + "\n")
    assert run_anywhere(config).workdir == stopped.workdir


def test_forced_run_that_is_ended_at_once_is_still_forced(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(6)])

    def crash(batch, logs):
        raise ZeroDivisionError

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=crash)
    fields = {"learning_rate": 1e-9}
    with pytest.raises(ZeroDivisionError):
        loop_runs.run(path, resume="force", callbacks=[callback], **fields)
    # Nobody has to force it twice, and no checkpoint of it is there yet.
    result = loop_runs.run(path, **fields)
    rate = float(result.model.optimizer.learning_rate)
    assert rate == pytest.approx(1e-9)
    assert int(result.model.optimizer.iterations.numpy()) == 6 + 4


def test_best_epoch_on_other_images_is_forgotten(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, epochs=1, splits=loop_runs.make_splits(contrast=140))
    result = loop_runs.run(
        path,
        epochs=2,
        resume="force",
        splits=loop_runs.make_splits(contrast=30),
    )
    info = json.loads((path / "model.json").read_text())
    assert info["best_epoch"] == 1 and len(result.records) == 2
    # Whoever opens the run finds the same, also where the first was better.
    records = loop_runs.read_metrics(path)
    records[0]["val_auc"] = 2.0
    settings = {"monitor": "val_auc"}
    assert run_files.find_epoch("best", info, settings, records) == 2
    before = {"epochs": 3, "best_epoch": 0}
    assert run_files.find_epoch("best", before, settings, records[:1]) == 1


@pytest.mark.parametrize(
    "fields", [{"batch_size": 5}, {"optimizer": "sgd"}, {"ema_decay": 0.5}]
)
def test_forced_run_goes_on_with_other_batches_or_optimizer(fields, tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(6)])
    result = loop_runs.run(path, resume="force", **fields)
    assert [record["epoch"] for record in result.records] == [1, 2]


def test_forced_run_with_another_network_says_that_it_cannot(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(2)])
    with pytest.raises(ValueError, match="network of the checkpoint"):
        loop_runs.run(path, model="residual", resume="force")


def test_never_begins_in_a_new_directory_and_leaves_the_old(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, epochs=1)
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    result = loop_runs.run(path, epochs=1, resume="never")
    assert result.workdir == tmp_path / "run-2"
    after = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    assert before == after


def test_changed_data_are_refused(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(2)])
    with pytest.raises(ValueError, match="the images, labels or splits"):
        loop_runs.run(path, splits=loop_runs.make_splits(contrast=30))


def test_same_settings_without_a_directory_find_the_unfinished_run(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = {"workdir": None, "epochs": 1}
    stopped = run_anywhere(config, callbacks=[loop_runs.stop_at(2)])
    other = run_anywhere(config | {"seed": 1}, callbacks=[loop_runs.stop_at(2)])
    assert other.workdir != stopped.workdir
    again = run_anywhere(config)
    assert again.workdir == stopped.workdir
    # That one is finished: the next is a new one.
    assert run_anywhere(config).workdir not in (again.workdir, other.workdir)


def run_anywhere(fields, **kwargs):
    options = {"batch_size": loop_runs.BATCH_SIZE, "augment": loop_runs.PLAIN}
    options["jit_compile"] = False
    config = config_lib.TrainConfig(**(options | fields))
    return loop.train_and_evaluate(config, loop_runs.make_splits(), **kwargs)


def test_directory_in_use_is_refused(tmp_path):
    with_lock = directory_lib.open_directory(tmp_path, matches=bool)
    with pytest.raises(ValueError, match="in use by another process"):
        loop_runs.run(tmp_path)
    with_lock.close()
    loop_runs.run(tmp_path, epochs=1)
