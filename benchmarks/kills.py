"""Kills `train.py` at random moments until it is through, and compares bits.

    python benchmarks/kills.py [--num_kills=100] [--images_dir=DIR]

Trains once without a kill. Then starts the same command again and again, in
another directory, and sends SIGKILL after a random time, at most twice as long
as the first step took to come, until so many kills are done; then lets it
finish. The saved models and the metrics of both must be equal to the bit: else
it says what differs and exits with 1. The tests do the same at chosen steps
(`tests/training/checkpoint/kill_test.py`); here the kill comes from outside
and meets whatever is
going on, also the start.
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import tqdm  # noqa: E402

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of images; the synthetic sample if left out."
)
_NUM_KILLS = flags.DEFINE_integer("num_kills", 100, "How many.", lower_bound=1)
_EPOCHS = flags.DEFINE_integer("epochs", 2000, "More than fit in between.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the times.")

_ROOT = pathlib.Path(__file__).parents[1]
_TIMINGS = ("seconds", "images_per_second", "input_wait_share")


def _command(directory, name):
    images = _IMAGES_DIR.value or f"{directory}/sample"
    return [
        sys.executable,
        str(_ROOT / "train.py"),
        f"--images_dir={images}",
        f"--data_dir={directory}/records",
        f"--workdir={directory}/{name}",
        "--image_size=64",
        "--rescale=1/255",
        "--width_shift_range=0.1",
        "--vertical_flip",
        f"--epochs={_EPOCHS.value}",
        "--optimizer=adamw",
        "--weight_decay=0.01",
        "--schedule=cosine",
        "--ema_decay=0.9",
        "--sampling=balanced",
        "--checkpoint_every_steps=5",
    ]


def _train_untouched(directory):
    """Trains without a kill; returns the seconds until the first step."""
    start, until_first = time.monotonic(), 0.0
    with subprocess.Popen(
        _command(directory, "untouched"), stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            if line.startswith("First step"):
                until_first = time.monotonic() - start
    if process.returncode or not until_first:
        raise RuntimeError(f"train.py ended with {process.returncode}.")
    return until_first


def _kill_until_done(directory, until_first):
    """Runs, kills, and lets the last run finish.

    Args:
        directory: Of the runs.
        until_first: Seconds from the command to the first step.

    Returns:
        How many kills met a process at work, and how many of them training.
    """
    generator = random.Random(_SEED.value)
    workdir = pathlib.Path(directory, "killed")
    output = pathlib.Path(directory, "output.txt")
    kills = in_training = 0
    for _ in tqdm.trange(_NUM_KILLS.value, desc="Kills", disable=None):
        with output.open("w") as stream:
            process = subprocess.Popen(
                _command(directory, workdir.name), stdout=stream
            )
            time.sleep(generator.uniform(0, 2 * until_first))
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += 1
        in_training += "First step" in output.read_text()
    subprocess.run(
        _command(directory, workdir.name),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return kills, in_training


def _read_metrics(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if k not in _TIMINGS}
        for line in lines
    ]


def _differences(first, second):
    """Yields what differs between two directories of runs."""
    import keras
    import numpy as np

    for name in ("model.keras", "best.keras"):
        models = [
            keras.models.load_model(path / name) for path in (first, second)
        ]
        variables = [m.variables + m.optimizer.variables for m in models]
        for a, b in zip(*variables, strict=True):
            if not np.array_equal(a.numpy(), b.numpy()):
                yield f"{name}: {a.path}"
    for a, b in zip(_read_metrics(first), _read_metrics(second), strict=True):
        if a != b:
            yield f"metrics of epoch {a['epoch']}"


def main(argv):
    del argv  # Unused.
    with tempfile.TemporaryDirectory() as directory:
        if _IMAGES_DIR.value is None:
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "xray_tfds.sample",
                    f"{directory}/sample",
                ],
                cwd=_ROOT,
                check=True,
            )
        until_first = _train_untouched(directory)
        kills, in_training = _kill_until_done(directory, until_first)
        runs = [pathlib.Path(directory, n) for n in ("untouched", "killed")]
        found = list(_differences(*runs))
    print("\n".join(found) or "Equal to the bit.")
    print(
        f"{kills} kills, {in_training} of them after the first step of the "
        f"process; {_EPOCHS.value} epochs."
    )
    if kills < _NUM_KILLS.value:
        print("It came to its end before all kills: raise --epochs.")
    return 1 if found or kills < _NUM_KILLS.value else 0


if __name__ == "__main__":
    app.run(main)
