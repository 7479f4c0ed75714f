"""Does the device get its images as fast as it can train on them, and right?

    python benchmarks/device.py [--batch_sizes=32,256] [--output=FILE]

For the first GPU, or the CPU where there is none. Prints three tables:

1. the largest difference between images augmented on the device and on the
   host, in grey levels, which must stay below 1e-3;
2. images per second of the transforms alone, on images kept on the device;
3. images per second of training a network, by where images are kept and
   transformed, and relative to training on one ready-made batch that stays on
   the device.

The lesson's network takes a GPU no time: it shows what a step costs at least,
`--model=ResNet50` what is left of that when there is something to compute.

Rates are medians, minima and maxima of `--repeats` passes; what is compared
takes turns. Images are noise. On a CPU, `--num_images=256` is enough.
"""

import json
import os
import pathlib
import statistics
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import competitors  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import trainers  # noqa: E402

import pipeline  # noqa: E402
from training import config as config_lib  # noqa: E402
from training.data import inputs as inputs_lib  # noqa: E402

_BATCH_SIZES = flags.DEFINE_list("batch_sizes", ["32", "256"], "Batch sizes.")
_RECIPES = flags.DEFINE_list(
    "recipes", list(competitors.RECIPES), "Which augmentations."
)
_MODEL = flags.DEFINE_string("model", "lesson", "Which network.")
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images", 16384, "Images in an epoch.", lower_bound=32
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", 256, "Height and width in pixels.", lower_bound=62
)
_REPEATS = flags.DEFINE_integer("repeats", 7, "Counted passes.", lower_bound=1)
_DETERMINISTIC = flags.DEFINE_boolean(
    "deterministic", False, "Train with TensorFlow's deterministic operations."
)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to write, if any.")

_PLACES: dict[str, dict[str, Any]] = {
    "augment_on=host": {},
    "augment_on=device": {"augment_on": "device"},
    "cache_on=device": {"augment_on": "device", "cache_on": "device"},
}
_BOUND = "a batch on the device"
# Small enough for any network to stay finite on noise.
_LEARNING_RATE = 1e-4


def _augment_config(recipe):
    return pipeline.AugmentConfig(
        rescale=1 / 255, **competitors.RECIPES[recipe]
    )


def _largest_difference(splits, recipe, batch_size=32, batches=8):
    """Returns how far images of device and host are apart, in grey levels."""
    made = {}
    for place, options in _PLACES.items():
        config = config_lib.TrainConfig(
            batch_size=batch_size, augment=_augment_config(recipe), **options
        )
        inputs = inputs_lib.Inputs(config, splits)
        inputs.cache_on_device()
        step = tf.function(inputs.train_images)
        ds = inputs.make_train_dataset().take(batches)
        made[place] = [step(features).numpy() for features, _, _ in ds]
    on_host = made.pop("augment_on=host")
    return 255 * max(
        float(np.abs(ours - theirs).max())
        for images in made.values()
        for ours, theirs in zip(images, on_host)
    )


def _transform_rates(splits, recipe, batch_size):
    """Returns images per second of the transforms, on resident images."""
    config = _augment_config(recipe)
    images = tf.Variable(splits.train.images, trainable=False)
    ds = pipeline.make_train_dataset(
        splits.train,
        "train",
        config,
        batch_size=batch_size,
        remainder="drop",
        label_mode=None,
        augment_on="device",
        cache_on="device",
    )
    # On the device already, so that nothing but the transforms is timed.
    batches = [tf.nest.map_structure(tf.identity, features) for features in ds]
    step = tf.function(
        lambda features: pipeline.augment_features(
            features, config, images=images
        )
    )
    rates = []
    for _ in range(1 + _REPEATS.value):
        tf.test.experimental.sync_devices()
        start = time.perf_counter()
        for features in batches:
            step(features)
        tf.test.experimental.sync_devices()
        seconds = time.perf_counter() - start
        rates.append(len(batches) * batch_size / seconds)
    return rates[1:]


def _make_trainer(splits, recipe, batch_size, options):
    """Returns a function that trains for an epoch.

    Args:
        splits: `training.data.splits.Splits`.
        recipe: Which augmentation.
        batch_size: int.
        options: Fields of `TrainConfig`, or None for one batch for ever.
    """
    config = config_lib.TrainConfig(
        model=_MODEL.value,
        learning_rate=_LEARNING_RATE,
        batch_size=batch_size,
        # One pass to warm up, and never at the end of the dataset.
        epochs=2 + _REPEATS.value,
        deterministic=_DETERMINISTIC.value,
        augment=_augment_config(recipe),
        **(options or {}),
    )
    return trainers.make_trainer(config, splits, ready=options is None)


def _train_rates(splits, recipe, batch_size):
    """Returns place -> images per second of the counted passes."""
    trainers = {
        place: _make_trainer(splits, recipe, batch_size, options)
        for place, options in {_BOUND: None, **_PLACES}.items()
    }
    rates: dict[str, list[float]] = {place: [] for place in trainers}
    for _ in range(1 + _REPEATS.value):
        for place, train in trainers.items():
            result = train()
            rates[place].append(result.num_examples / result.seconds)
    return {place: values[1:] for place, values in rates.items()}


def _describe(rates):
    return (
        f"{statistics.median(rates):,.0f}"
        f" ({min(rates):,.0f} to {max(rates):,.0f})"
    )


def _print_row(*cells):
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def _print_header(*cells):
    print()
    _print_row(*cells)
    print("|---" * len(cells) + "|")


def _measure(splits, batch_sizes):
    """Measures and prints everything; returns it as JSON has it."""
    found: dict = {"differences": {}, "transforms": {}, "training": {}}
    _print_header("recipe", "device and host differ by, grey levels")
    for recipe in _RECIPES.value:
        found["differences"][recipe] = _largest_difference(splits, recipe)
        _print_row(recipe, f"{found['differences'][recipe]:.1e}")
    _print_header("recipe", "batch", "transforms, images/s")
    for recipe in _RECIPES.value:
        for size in batch_sizes:
            rates = _transform_rates(splits, recipe, size)
            found["transforms"][f"{recipe}, {size}"] = rates
            _print_row(recipe, size, _describe(rates))
    _print_header("recipe", "batch", "input", "training, images/s", "of bound")
    for recipe in _RECIPES.value:
        for size in batch_sizes:
            of_places = _train_rates(splits, recipe, size)
            found["training"][f"{recipe}, {size}"] = of_places
            bound = statistics.median(of_places[_BOUND])
            for place, rates in of_places.items():
                share = statistics.median(rates) / bound
                _print_row(
                    recipe, size, place, _describe(rates), f"{share:.0%}"
                )
    return found


def main(argv):
    del argv  # Unused.
    if _DETERMINISTIC.value:
        keras.utils.set_random_seed(0)
        tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    name = f"CPU, {os.cpu_count()} cores"
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        name = f"{details.get('device_name', 'GPU')}, {name}"
    print(f"{name}, TensorFlow {tf.__version__}")
    found = _measure(
        trainers.make_splits(_NUM_IMAGES.value, _IMAGE_SIZE.value),
        [int(n) for n in _BATCH_SIZES.value],
    )
    if _OUTPUT.value:
        document = {"device": name, "tensorflow": tf.__version__, **found}
        pathlib.Path(_OUTPUT.value).write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    app.run(main)
