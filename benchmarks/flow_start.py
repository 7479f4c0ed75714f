"""How long a pass over a flow takes to begin, against the pipeline's graph.

    python benchmarks/flow_start.py

Both make the same batches of 500 random images in memory. Keras's `fit` begins
a pass for each epoch. The two take turns, so that a busy machine is busy for
both. Printed are milliseconds, the median, minimum and maximum.

Then a small model is fitted to the flow, to its dataset, and to its dataset
with one iterator for all epochs. Printed are milliseconds of an epoch.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import migration  # noqa: E402
import pipeline  # noqa: E402

_CONFIG = pipeline.AugmentConfig(
    rescale=1 / 255, rotation_range=10, horizontal_flip=True
)
_REPEATS = 15


class _Clock(keras.callbacks.Callback):
    """Notes when epochs begin."""

    def __init__(self):
        super().__init__()
        self.times = []

    def on_epoch_begin(self, epoch, logs=None):
        del epoch, logs  # Unused.
        self.times.append(time.perf_counter())


def make_flow():
    """Returns a flow of 500 random images."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (500, 64, 64, 1), np.uint8)
    return migration.flow(_CONFIG, x, np.arange(500) % 2, seed=3)


def _milliseconds_to_begin(dataset):
    start = time.perf_counter()
    iterator = iter(dataset)
    began = time.perf_counter() - start
    next(iterator)
    return 1e3 * began


def _milliseconds_of_epochs(flow, **fit):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.layers.Input(flow.image_shape), *layers])
    model.compile("sgd", "mse")
    clock = _Clock()
    model.fit(epochs=_REPEATS + 2, verbose=0, callbacks=[clock], **fit)
    return [1e3 * float(t) for t in np.diff(clock.times)[1:]]


def main():
    flow = make_flow()
    graph = pipeline.make_train_dataset(
        flow.split, "x", _CONFIG, label_mode=None
    )
    datasets = {"flow.dataset": flow.dataset, "make_train_dataset": graph}
    times: dict[str, list[float]] = {name: [] for name in datasets}
    for repeat in range(_REPEATS + 1):
        for name, dataset in datasets.items():
            taken = _milliseconds_to_begin(dataset)
            if repeat:  # The first traces.
                times[name].append(taken)
    kept = {"x": flow.dataset.repeat(), "steps_per_epoch": len(flow)}
    times["fit(flow)"] = _milliseconds_of_epochs(flow, x=flow)
    times["fit(flow.dataset)"] = _milliseconds_of_epochs(flow, x=flow.dataset)
    times["fit(flow.dataset.repeat())"] = _milliseconds_of_epochs(flow, **kept)
    for name, values in times.items():
        print(
            f"{name}: {statistics.median(values):.1f} ms"
            f" ({min(values):.1f} to {max(values):.1f})"
        )


if __name__ == "__main__":
    main()
