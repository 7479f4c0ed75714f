"""How long a pass over a flow takes to begin, against the pipeline's graph.

    python benchmarks/flow_start.py

Both make the same batches of 500 random images in memory. Keras's `fit` begins
a pass for each epoch. The two take turns, so that a busy machine is busy for
both. Printed are milliseconds, the median, minimum and maximum.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

import migration  # noqa: E402
import pipeline  # noqa: E402

_CONFIG = pipeline.AugmentConfig(
    rescale=1 / 255, rotation_range=10, horizontal_flip=True
)
_REPEATS = 15


def make_datasets():
    """Returns the dataset of a flow, and the pipeline's of the same images."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (500, 64, 64, 1), np.uint8)
    flow = migration.flow(_CONFIG, x, np.arange(500) % 2, seed=3)
    graph = pipeline.make_train_dataset(
        flow.split, "x", _CONFIG, label_mode=None
    )
    return flow.dataset, graph


def _milliseconds_to_begin(dataset):
    start = time.perf_counter()
    iterator = iter(dataset)
    began = time.perf_counter() - start
    next(iterator)
    return 1e3 * began


def main():
    datasets = make_datasets()
    times: dict[str, list[float]] = {
        "flow.dataset": [],
        "make_train_dataset": [],
    }
    for repeat in range(_REPEATS + 1):
        for values, dataset in zip(times.values(), datasets):
            taken = _milliseconds_to_begin(dataset)
            if repeat:  # The first traces.
                values.append(taken)
    for name, values in times.items():
        print(
            f"{name}: {statistics.median(values):.1f} ms"
            f" ({min(values):.1f} to {max(values):.1f})"
        )


if __name__ == "__main__":
    main()
