"""What the input, the loop and the start cost a training.

    python benchmarks/training_speed.py [--model=residual] [--image_size=128]

Trains one network in turn, pass by pass, in one process: by our loop with our
input; by our loop on a batch that lies ready in memory, the bound; and by
Keras's `fit` on our input. Prints images per second (median, minimum and
maximum of the passes), the ratio to ours pass by pass, and the ratio of the CPU
time, which other work on the machine disturbs less. Then starts `train.py`
several times and prints the seconds from the command to the end of the first
step. Images are noise: no figure here depends on what they show.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import trainers  # noqa: E402

import pipeline  # noqa: E402
from training import config as config_lib  # noqa: E402

_MODEL = flags.DEFINE_string("model", "residual", "Network.")
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 128, "Height and width.")
_NUM_IMAGES = flags.DEFINE_integer("num_images", 500, "Images of a pass.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images of a step.")
_PASSES = flags.DEFINE_integer("passes", 12, "Passes of each, after one.")
_STARTS = flags.DEFINE_integer("starts", 3, "Starts of train.py; 0 for none.")

_ROOT = pathlib.Path(__file__).parents[1]


def _make_contestants():
    """Returns functions that train for a pass, by name."""
    config = config_lib.TrainConfig(
        model=_MODEL.value,
        batch_size=_BATCH_SIZE.value,
        # More than there will be passes.
        epochs=10**4,
        learning_rate=1e-4,
        augment=pipeline.AugmentConfig(
            rescale=1 / 255,
            width_shift_range=0.05,
            height_shift_range=0.05,
            horizontal_flip=True,
        ),
    )
    splits = trainers.make_splits(_NUM_IMAGES.value, _IMAGE_SIZE.value)
    inputs, parts = trainers.make_parts(config, splits)
    # Each call opens an iterator anew, as it does for whoever calls it.
    dataset = inputs.make_train_dataset()
    steps = inputs.train_progress().num_steps

    def fit():
        parts.model.fit(dataset, steps_per_epoch=steps, verbose=0)

    return {
        "our loop, our input": trainers.make_trainer(config, splits),
        "our loop, a ready batch": trainers.make_trainer(
            config, splits, ready=True
        ),
        "Keras fit, our input": fit,
    }


def _measure(contestants):
    """Returns seconds and CPU seconds of each pass, by name."""
    for train in contestants.values():
        train()
    wall: dict[str, list] = {name: [] for name in contestants}
    cpu: dict[str, list] = {name: [] for name in contestants}
    for _ in range(_PASSES.value):
        for name, train in contestants.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            train()
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - cpu_start)
    return wall, cpu


def _spread(values, digits=2):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _print_passes(wall, cpu):
    ours, *_ = wall
    print("| | images/s | ours is, pass by pass | ours is, by CPU time |")
    print("|---|---|---|---|")
    for name, seconds in wall.items():
        rates = _spread([_NUM_IMAGES.value / s for s in seconds], 0)
        ratios = _spread([s / o for s, o in zip(seconds, wall[ours])])
        busy = _spread([c / o for c, o in zip(cpu[name], cpu[ours])])
        ratios, busy = ("", "") if name == ours else (ratios, busy)
        print(f"| {name} | {rates} | {ratios} | {busy} |")


def _time_starts(directory):
    """Returns seconds from starting `train.py` to the end of a first step."""
    sample, records = f"{directory}/sample", f"{directory}/records"
    subprocess.run(
        [sys.executable, "-m", "xray_tfds.sample", sample],
        cwd=_ROOT,
        check=True,
        capture_output=True,
    )
    seconds = []
    for number in range(_STARTS.value + 1):
        start = time.perf_counter()
        with subprocess.Popen(
            [
                sys.executable,
                str(_ROOT / "train.py"),
                f"--flagfile={_ROOT / 'recipes' / 'lesson.flags'}",
                f"--images_dir={sample}",
                f"--data_dir={records}",
                f"--workdir={directory}/run{number}",
            ],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stdout or ():
                if line.startswith("First step"):
                    seconds.append(time.perf_counter() - start)
                    break
            process.kill()
    # The first one has made the records.
    return seconds[1:]


def main(argv):
    del argv  # Unused.
    print(
        f"{_MODEL.value}, {_IMAGE_SIZE.value}x{_IMAGE_SIZE.value}, batches of "
        f"{_BATCH_SIZE.value}, {_PASSES.value} passes of {_NUM_IMAGES.value} "
        f"images, {os.cpu_count()} CPUs\n"
    )
    _print_passes(*_measure(_make_contestants()))
    if _STARTS.value:
        with tempfile.TemporaryDirectory() as directory:
            starts = _time_starts(directory)
        print(f"\nFrom the command to the first step: {_spread(starts, 1)} s")


if __name__ == "__main__":
    app.run(main)
