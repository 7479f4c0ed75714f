"""Several processes train as one; one device, two and three, the same."""

import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.helpers import loop_runs
from tests.helpers import processes
from training import errors
from training.model import lesson

pytestmark = pytest.mark.slow

FLAGS = (
    "--image_size=64",
    "--epochs=6",
    "--batch_size=8",
    "--rescale=1/255",
    "--width_shift_range=0.1",
    "--vertical_flip",
    "--nojit_compile",
)


def command(module, *flags):
    return [sys.executable, "-u", *module, *map(str, flags)]


# As in most hospitals; gRPC would ask it for localhost, and nobody answers.
_PROXY = "http://127.0.0.1:1"
_PROXIES = {f"{name}_proxy": _PROXY for name in ("http", "https", "grpc")}


def launch(data, workdir, *flags):
    """Starts two workers by the launcher."""
    return subprocess.Popen(
        command(
            ("-m", "training.launch", "--num_workers=2", "--"),
            *FLAGS,
            *data,
            f"--workdir={workdir}",
            *flags,
        ),
        cwd=processes.ROOT,
        env=os.environ | _PROXIES,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read(workdir):
    timings = ("seconds", "images_per_second", "input_wait_share")
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    metrics = [
        {k: v for k, v in r.items() if k not in timings} for r in records
    ]
    model = keras.models.load_model(workdir / "model.keras")
    return metrics, model.get_weights()


@pytest.fixture(scope="module")
def data(image_tree, tmp_path_factory):
    return (
        f"--images_dir={image_tree}",
        f"--data_dir={tmp_path_factory.mktemp('records')}",
    )


@pytest.fixture(scope="module")
def untouched(data, tmp_path_factory):
    """Directory of a run of two workers, and what they said."""
    workdir = tmp_path_factory.mktemp("workers") / "run"
    process = launch(data, workdir)
    output, error = process.communicate(timeout=1800)
    assert process.returncode == 0, error
    return workdir, output


def test_two_workers_give_the_numbers_of_one_process(untouched, data, tmp_path):
    workdir, output = untouched
    assert "on 2 devices" in output
    # The chief alone speaks.
    assert all(line.startswith("[0]") for line in output.splitlines())
    subprocess.run(
        command(
            ("train.py",), *FLAGS, *data, f"--workdir={tmp_path}", "--epochs=1"
        ),
        cwd=processes.ROOT,
        check=True,
        capture_output=True,
        timeout=1800,
    )
    (one,), _ = read(tmp_path)
    first = read(workdir)[0][0]
    for name, value in one.items():
        assert first[name] == pytest.approx(value, abs=1e-6), name


def wait_for(process, text):
    """Reads what a process prints up to a line with a text."""
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(process.stderr.read())


def trainers_of(launcher):
    """Returns the ids of the processes that train, below their guards."""
    guards = processes.children_of(launcher.pid)
    return [processes.children_of(guard)[0] for guard in guards]


def test_dead_worker_ends_the_other_and_a_restart_has_the_same_bits(
    untouched, data, tmp_path
):
    process = launch(data, tmp_path / "run")
    with processes.ended_after(process):
        # By then the first epoch has its checkpoint.
        wait_for(process, "Epoch 2/")
        os.kill(trainers_of(process)[1], signal.SIGKILL)
        # What is promised: within half a minute.
        _, error = process.communicate(timeout=1800)
    assert "Worker 1 has ended by SIGKILL" in error
    assert process.returncode == 137
    again = launch(data, tmp_path / "run")
    output, error = again.communicate(timeout=1800)
    assert again.returncode == 0, error
    assert "Resumed the run in" in output
    for ours, theirs in zip(
        read(tmp_path / "run"), read(untouched[0]), strict=True
    ):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_equal(a, b)


def test_death_while_the_network_is_built_ends_the_other(data, tmp_path):
    process = launch(data, tmp_path / "run")
    with processes.ended_after(process):
        wait_for(process, "Data:")
        os.kill(trainers_of(process)[0], signal.SIGKILL)
        _, error = process.communicate(timeout=1800)
    assert process.returncode == 137
    assert "Worker 0 has ended by SIGKILL" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("paused", [0, 1])
def test_paused_worker_ends_the_other_in_words(paused, data, tmp_path):
    process = launch(data, tmp_path / "run", "--epochs=1000")
    with processes.ended_after(process):
        wait_for(process, "Epoch 2/")
        trainers = trainers_of(process)
        os.kill(trainers[paused], signal.SIGSTOP)
        processes.wait_until(
            lambda: not processes.is_alive(trainers[1 - paused])
        )
        os.kill(trainers[paused], signal.SIGCONT)
        _, error = process.communicate(timeout=1800)
    assert process.returncode == errors.WORKER_LOST_STATUS
    assert "Another worker does not answer any more" in error
    assert "Traceback" not in error


def _small_normalizing_network(input_shape, num_classes):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(4, 5, strides=4, use_bias=False),
            layers.BatchNormalization(synchronized=True, momentum=0.9),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(num_classes, activation="softmax", dtype="float32"),
        ],
        name="normalizing",
    )


def test_one_device_two_and_three_give_the_same_with_normalization(
    tmp_path, monkeypatch
):
    # 25 examples in batches of 8 over 3 replicas: padding in every batch, and
    # a last one with fewer examples than replicas.
    monkeypatch.setattr(lesson, "build", _small_normalizing_network)
    one, *others = (
        loop_runs.run(
            tmp_path / str(devices),
            splits=loop_runs.make_splits(contrast=140),
            epochs=1,
            augment=loop_runs.AUGMENT,
            optimizer="sgd",
            learning_rate=0.1,
            clip_norm=1.0,
            ema_decay=0.9,
            strategy="mirrored" if devices > 1 else "default",
            num_virtual_devices=devices if devices > 1 else 0,
        )
        for devices in (1, 2, 3)
    )
    (expected,) = loop_runs.without_timings(one.records)
    # A sum over replicas rounds otherwise than one over the batch. The lesson's
    # network holds 1e-6 all the same, one with normalisation twice that, also
    # where the variance is computed from centred values.
    for other in others:
        (record,) = loop_runs.without_timings(other.records)
        assert record == pytest.approx(expected, rel=0, abs=2e-6)
        weights = zip(
            other.model.get_weights(), one.model.get_weights(), strict=True
        )
        for ours, theirs in weights:
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
