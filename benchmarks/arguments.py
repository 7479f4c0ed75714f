"""Images per second of every argument, ours and Keras's, in one run.

    python benchmarks/arguments.py [--rows=brightness,...] [--shapes=224x224x3]

Random uint8 images in memory, batches of 32, `rescale=1/255` and what the row
names. Ours is `pipeline.make_train_dataset` over them, Keras's is
`ImageDataGenerator.flow`. The two take turns of a second, so that a busy
machine is busy for both; the first turn is not counted, nor are the batches
that ours had ready when its turn began. Prints a Markdown table: the median,
minimum and maximum of images per second, and the median of the ratios of
neighbouring turns. "Of CPU" is that ratio for seconds of processor time, which
other programs disturb less. Keras computes on one core, ours on all.
"""

import os
import statistics
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import numpy as np  # noqa: E402

_SHIFT: dict[str, Any] = {"width_shift_range": 0.1, "height_shift_range": 0.1}
_WARP: dict[str, Any] = _SHIFT | {
    "rotation_range": 15,
    "shear_range": 10,
    "zoom_range": 0.2,
    "horizontal_flip": True,
}
_ZCA: dict[str, Any] = {"zca_whitening": True, "featurewise_center": True}
# Row -> arguments of `ImageDataGenerator`.
ROWS: dict[str, dict[str, Any]] = {
    "warp, nearest": _WARP,
    "warp, constant": _WARP | {"fill_mode": "constant"},
    "warp, reflect": _WARP | {"fill_mode": "reflect"},
    "warp, wrap": _WARP | {"fill_mode": "wrap"},
    "warp, order 0": _WARP | {"interpolation_order": 0},
    "warp, order 3": _WARP | {"interpolation_order": 3},
    "warp, order 5": _WARP | {"interpolation_order": 5},
    "shift, nearest": _SHIFT,
    "shift, constant": _SHIFT | {"fill_mode": "constant"},
    "shift, reflect": _SHIFT | {"fill_mode": "reflect"},
    "shift, wrap": _SHIFT | {"fill_mode": "wrap"},
    "brightness": {"brightness_range": (0.7, 1.3)},
    "warp, brightness": _WARP | {"brightness_range": (0.7, 1.3)},
    "channel shift": {"channel_shift_range": 30.0},
    "warp, channel shift": _WARP | {"channel_shift_range": 30.0},
    "zca, 256 images": _ZCA,
    "zca, 4096 images": _ZCA,
}
_ZCA_SHAPE = (64, 64, 1)
_NUM_IMAGES = 256
# Of fewer images than half the values of one, the matrix is of lower rank.
_NUM_IMAGES_OF = {"zca, 4096 images": 4096}

_ROWS = flags.DEFINE_list("rows", None, "Which rows: parts of their names.")
_SHAPES = flags.DEFINE_list("shapes", ["224x224x3", "512x512x1"], "Of images.")
_TURNS = flags.DEFINE_integer("turns", 5, "Counted turns.", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 1.0, "Least length of a turn.")
_BATCH_SIZE = 32
# More than are prefetched while the other has its turn.
_NUM_READY = 16


def _ours(x, options):
    """Returns an endless iterator over batches of ours."""
    import migration
    import pipeline

    config = pipeline.AugmentConfig(rescale=1 / 255, **options)
    split = migration.flow(config, x, np.zeros(len(x)), seed=0).split
    fitted = None
    if config.zca_whitening:
        fitted = pipeline.fit_statistics(split, config)
    ds = pipeline.make_train_dataset(
        split, "x", config, batch_size=_BATCH_SIZE, statistics=fitted
    )
    return iter(ds.repeat())


def _keras(x, options):
    """Returns an endless iterator over batches of Keras's."""
    from keras.src.legacy.preprocessing import image as legacy_image

    generator = legacy_image.ImageDataGenerator(rescale=1 / 255, **options)
    if options.get("zca_whitening"):
        generator.fit(x)
    return generator.flow(x, np.zeros(len(x)), batch_size=_BATCH_SIZE, seed=0)


def _rates(batches, num_ready=0):
    """Returns images per second, and per second of processor time."""
    for _ in range(num_ready):
        next(batches)
    start, cpu, images = time.perf_counter(), time.process_time(), 0
    while (seconds := time.perf_counter() - start) < _SECONDS.value:
        images += len(next(batches)[1])
    return images / seconds, images / (time.process_time() - cpu)


def _measure(shape, options, num_images):
    """Returns a row of the table from the second column on."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (num_images, *shape))
    x = x.astype(np.uint8)
    ours, keras = _ours(x, options), _keras(x.astype(np.float32), options)
    turns = [
        (_rates(ours, _NUM_READY), _rates(keras))
        for _ in range(1 + _TURNS.value)
    ][1:]
    columns = []
    for side in (0, 1):
        rates = [turn[side][0] for turn in turns]
        columns.append(
            f"{statistics.median(rates):,.0f}"
            f" ({min(rates):,.0f} to {max(rates):,.0f})"
        )
    for clock in (0, 1):
        ratios = [turn[0][clock] / turn[1][clock] for turn in turns]
        columns.append(f"{statistics.median(ratios):.1f}")
    return columns


def main(argv):
    del argv  # Unused.
    print(
        "| arguments | shape | ours | Keras | ratio | of CPU |\n"
        "|---|---|---|---|---|---|"
    )
    for name, options in ROWS.items():
        if _ROWS.value and not any(part in name for part in _ROWS.value):
            continue
        shapes = [
            tuple(int(size) for size in text.split("x"))
            for text in _SHAPES.value
        ]
        num_images = _NUM_IMAGES_OF.get(name, _NUM_IMAGES)
        for shape in [_ZCA_SHAPE] if options is _ZCA else shapes:
            size = "x".join(map(str, shape))
            columns = " | ".join([size, *_measure(shape, options, num_images)])
            print(f"| {name} | {columns} |", flush=True)


if __name__ == "__main__":
    app.run(main)
