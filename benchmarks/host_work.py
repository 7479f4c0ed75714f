"""Host work of a training step, by the size of the split.

    python benchmarks/host_work.py [--sampling=balanced]

Takes batches from splits of random images in memory, for as many steps of each
split as the largest has in an epoch: beginning an epoch, which draws its order
and parameters, counts for each as often as it happens. What is printed is CPU
time of the process and all its threads, the median, minimum and maximum of
`repeats` such runs; the splits take turns, so that a busy machine is busy for
all. The images are small, so that a cost that grows with the split would show.
"""

import math
import os
import statistics
import time
import typing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import numpy as np  # noqa: E402

import pipeline  # noqa: E402
from pipeline import example_order  # noqa: E402

_SIZES = flags.DEFINE_list(
    "sizes", ["500", "5000", "50000"], "Numbers of examples of the splits."
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 32, "Images in a batch.", lower_bound=1
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", 16, "Height and width in pixels.", lower_bound=1
)
_REPEATS = flags.DEFINE_integer(
    "repeats", 7, "Counted runs of each split.", lower_bound=1
)
_SAMPLING = flags.DEFINE_enum(
    "sampling", "natural", example_order.SAMPLINGS, "How an epoch is drawn."
)

_CONFIG = pipeline.AugmentConfig(
    rescale=1 / 255,
    width_shift_range=0.05,
    height_shift_range=0.05,
    horizontal_flip=True,
)


def _make_iterator(num_examples, num_steps):
    """Returns an iterator over `num_steps` batches, as training makes it."""
    generator = np.random.default_rng(0)
    shape = (num_examples, _IMAGE_SIZE.value, _IMAGE_SIZE.value, 1)
    split = pipeline.Split.from_arrays(
        generator.integers(0, 256, shape, np.uint8),
        # One in four, as in the public data set.
        np.arange(num_examples) % 4 == 0,
        class_names=("pneumonia", "normal"),
    )
    steps = math.ceil(num_examples / _BATCH_SIZE.value)
    ds = pipeline.make_train_dataset(
        split,
        "train",
        _CONFIG,
        batch_size=_BATCH_SIZE.value,
        num_epochs=math.ceil(num_steps / steps),
        # One static shape, so that nothing is compiled while time is taken.
        remainder="pad",
        sampling=typing.cast(example_order.Sampling, _SAMPLING.value),
    )
    return iter(ds)


def _cpu_ms(iterator, num_steps):
    """Returns milliseconds of CPU time for each of the next batches."""
    start = time.process_time()
    for _ in range(num_steps):
        next(iterator)
    return 1e3 * (time.process_time() - start) / num_steps


def main(argv):
    del argv  # Unused.
    sizes = [int(size) for size in _SIZES.value]
    run = math.ceil(max(sizes) / _BATCH_SIZE.value)
    # One run more, which compiles, and one that is prefetched from.
    iterators = {
        size: _make_iterator(size, run * (_REPEATS.value + 2)) for size in sizes
    }
    times: dict[int, list[float]] = {size: [] for size in sizes}
    for size, iterator in iterators.items():
        _cpu_ms(iterator, run)
    for _ in range(_REPEATS.value):
        for size, iterator in iterators.items():
            times[size].append(_cpu_ms(iterator, run))
    print("| images | steps an epoch | CPU ms a step, median (min to max) |")
    print("|---|---|---|")
    for size, values in times.items():
        print(
            f"| {size:,} | {math.ceil(size / _BATCH_SIZE.value):,} |"
            f" {statistics.median(values):.3f}"
            f" ({min(values):.3f} to {max(values):.3f}) |"
        )


if __name__ == "__main__":
    app.run(main)
