"""The lesson, as `train.py` and as `ImageDataGenerator` with `fit`.

    python benchmarks/lesson.py --images_dir=DIR [--seeds=3] [--epochs=5]

Both train the same network with the same hyper-parameters on the same files,
each run in a process of its own, in turn. Prints seconds for an epoch after the
first, validation included (median, minimum and maximum), their ratio, and the
exact validation AUC after the last epoch for each seed.

DIR holds train/ and validation/ folders with normal/ and pneumonia/ in them.
"""

import json
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

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder with given splits.", required=True
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Number of seeds.", lower_bound=1)
_EPOCHS = flags.DEFINE_integer("epochs", 5, "Epochs of a run.", lower_bound=2)
_KERAS_SEED = flags.DEFINE_integer(
    "keras_seed", None, "Internal: run the lesson's own code with this seed."
)

_ROOT = pathlib.Path(__file__).parents[1]

# What recipes/lesson.flags says, for the code that the lesson itself runs.
_IMAGE_SIZE = (256, 256)
_BATCH_SIZE = 32
_LEARNING_RATE = 0.005
_SHIFT = 0.05


def _run_keras(seed):
    """Trains as the lesson does; prints a JSON line for each epoch."""
    import keras
    from keras.src.legacy.preprocessing import image as legacy_image

    from evaluation import metrics
    from training import model as model_lib

    keras.utils.set_random_seed(seed)
    options = {
        "target_size": _IMAGE_SIZE,
        "color_mode": "grayscale",
        "class_mode": "categorical",
        "batch_size": _BATCH_SIZE,
    }
    train = legacy_image.ImageDataGenerator(
        rescale=1 / 255, width_shift_range=_SHIFT, height_shift_range=_SHIFT
    ).flow_from_directory(
        os.path.join(_IMAGES_DIR.value, "train"), seed=seed, **options
    )
    validation = legacy_image.ImageDataGenerator(
        rescale=1 / 255
    ).flow_from_directory(
        os.path.join(_IMAGES_DIR.value, "validation"), shuffle=False, **options
    )
    model = model_lib.build_model("lesson", (*_IMAGE_SIZE, 1), 2)
    model.compile(
        optimizer=keras.optimizers.Adam(_LEARNING_RATE),
        loss=keras.losses.CategoricalCrossentropy(),
        metrics=[keras.metrics.CategoricalAccuracy(), keras.metrics.AUC()],
    )
    for _ in range(_EPOCHS.value):
        start = time.perf_counter()
        model.fit(train, validation_data=validation, verbose=0)
        seconds = time.perf_counter() - start
        scores = model.predict(validation, verbose=0)
        auc = metrics.auc(validation.classes, scores)
        print(json.dumps({"seconds": seconds, "val_auc": auc}))


def _keras_lines(seed):
    command = [sys.executable, __file__, f"--images_dir={_IMAGES_DIR.value}"]
    command += [f"--epochs={_EPOCHS.value}", f"--keras_seed={seed}"]
    result = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True
    )
    lines = result.stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def _our_lines(seed, directory):
    workdir = pathlib.Path(directory) / f"run-{seed}"
    command = [sys.executable, str(_ROOT / "train.py")]
    command += [f"--flagfile={_ROOT / 'recipes' / 'lesson.flags'}"]
    command += [f"--images_dir={_IMAGES_DIR.value}", f"--data_dir={directory}"]
    command += [f"--epochs={_EPOCHS.value}", f"--seed={seed}"]
    command += [f"--workdir={workdir}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def _summary(name, runs):
    seconds = [line["seconds"] for run in runs for line in run[1:]]
    aucs = [run[-1]["val_auc"] for run in runs]
    print(
        f"{name:28} {statistics.median(seconds):6.3f} s an epoch"
        f" ({min(seconds):.3f} to {max(seconds):.3f}),  validation AUC"
        f" {statistics.median(aucs):.3f}"
        f" ({', '.join(f'{auc:.3f}' for auc in aucs)})"
    )
    return statistics.median(seconds)


def main(argv):
    del argv  # Unused.
    if _KERAS_SEED.value is not None:
        _run_keras(_KERAS_SEED.value)
        return
    theirs, ours = [], []
    with tempfile.TemporaryDirectory() as directory:
        for seed in range(_SEEDS.value):
            theirs.append(_keras_lines(seed))
            ours.append(_our_lines(seed, directory))
    their_seconds = _summary("ImageDataGenerator + fit", theirs)
    our_seconds = _summary("train.py", ours)
    print(f"Ratio of the medians: {their_seconds / our_seconds:.1f}")


if __name__ == "__main__":
    app.run(main)
