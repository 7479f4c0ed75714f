"""Short runs of the loop on noise, for the tests of the loop."""

import json
import signal

import keras
import numpy as np

import pipeline
from training import config as config_lib
from training import loop
from training.data import splits as splits_lib

# No batch size in use divides either; the last batch holds 1 and 3 examples,
# so one of two replicas has none at all in training.
NUM_TRAIN, NUM_VALIDATION, BATCH_SIZE = 25, 11, 8
AUGMENT = pipeline.AugmentConfig(
    rescale=1 / 255, width_shift_range=0.1, vertical_flip=True
)
PLAIN = pipeline.AugmentConfig(rescale=1 / 255)

# All that has a state of its own: slots of an optimizer, a schedule, averages
# of weights, the best epoch; and steps that are cut short by the split's end.
STATEFUL = {
    "optimizer": "adamw",
    "schedule": "cosine",
    "warmup_epochs": 0.5,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "ema_decay": 0.9,
    "label_smoothing": 0.1,
    "class_weight": "balanced",
    "sampling": "balanced",
    "augment": AUGMENT,
}
STEPS_PER_EPOCH = 4


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
    return splits_lib.Splits(
        name="noise",
        train=make_split("train", NUM_TRAIN, **kind),
        validation=make_split("validation", NUM_VALIDATION, **kind),
    )


def run(workdir, *, callbacks=(), splits=None, **fields):
    # To compile a step takes XLA longer than the steps: one test does it.
    options = {
        "epochs": 2,
        "batch_size": BATCH_SIZE,
        "augment": PLAIN,
        "jit_compile": False,
    }
    config = config_lib.TrainConfig(workdir=str(workdir), **(options | fields))
    return loop.train_and_evaluate(
        config, splits or make_splits(), callbacks=callbacks
    )


def stop_at(step, signum=signal.SIGTERM):
    """A callback that sends a signal after a step, counted from 1."""
    seen = []

    def send(batch, logs):
        seen.append(batch)
        if len(seen) == step:
            signal.raise_signal(signum)

    return keras.callbacks.LambdaCallback(on_train_batch_end=send)


def read_metrics(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def without_timings(records):
    timings = ("seconds", "images_per_second", "input_wait_share")
    return [
        {k: v for k, v in record.items() if k not in timings}
        for record in records
    ]


def max_difference(a, b):
    return max(
        np.abs(x - y).max() for x, y in zip(a.get_weights(), b.get_weights())
    )
