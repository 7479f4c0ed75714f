"""What the plan of an epoch costs one worker of a cluster, by their number.

    python benchmarks/worker_plan.py [--num_examples=1000000] [--workers=1,64]

The plan is the order of all examples, the random numbers of all transforms and
the places of the worker's own batches: what is computed before the first image
of an epoch. Every worker draws the order of all, so that none has to ask. What
is printed is CPU time of the process and all its threads, the median, minimum
and maximum of `repeats`; the numbers of workers take turns. The first turn is
not counted.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import tensorflow as tf  # noqa: E402

import pipeline  # noqa: E402
from pipeline import batching as batching_lib  # noqa: E402
from pipeline import plan as plan_lib  # noqa: E402

_NUM_EXAMPLES = flags.DEFINE_integer(
    "num_examples", 1_000_000, "Of the split.", lower_bound=1
)
_WORKERS = flags.DEFINE_list("workers", ["1", "8", "64"], "How many.")
_REPLICAS = flags.DEFINE_integer("replicas", 8, "Of a worker.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 32 * 8 * 64, "Of all workers together.", lower_bound=1
)
_REPEATS = flags.DEFINE_integer("repeats", 5, "Counted turns.", lower_bound=1)

_CONFIG = pipeline.AugmentConfig(
    rescale=1 / 255,
    width_shift_range=0.05,
    height_shift_range=0.05,
    horizontal_flip=True,
)
_IMAGE_SHAPE = (256, 256, 1)


def _cpu_ms(workers, epoch):
    """Returns milliseconds of CPU time for the plan of the last worker."""
    replicas = workers * _REPLICAS.value
    start = time.process_time()
    batching = batching_lib.make_batching(
        _NUM_EXAMPLES.value,
        _BATCH_SIZE.value,
        "keep",
        tf.distribute.InputContext(workers, workers - 1, replicas),
    )
    order, _ = plan_lib.epoch_plan(
        0,
        epoch,
        num_examples=_NUM_EXAMPLES.value,
        image_shape=_IMAGE_SHAPE,
        config=_CONFIG,
    )
    places, _ = batching.positions(0, batching.steps)
    tf.gather(order, places).numpy()
    return 1e3 * (time.process_time() - start)


def main(argv):
    del argv  # Unused.
    numbers = [int(number) for number in _WORKERS.value]
    times: dict[int, list[float]] = {number: [] for number in numbers}
    for turn in range(1 + _REPEATS.value):
        for number in numbers:
            milliseconds = _cpu_ms(number, turn)
            if turn:
                times[number].append(milliseconds)
    print("| workers | CPU ms of one's plan, median (min to max) |\n|---|---|")
    for number, values in times.items():
        print(
            f"| {number} | {statistics.median(values):,.0f}"
            f" ({min(values):,.0f} to {max(values):,.0f}) |"
        )


if __name__ == "__main__":
    app.run(main)
