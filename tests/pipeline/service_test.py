"""tf.data service: two worker processes make the batches of an epoch."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import pipeline

_NUM_EXAMPLES = 43
_CONFIG = pipeline.AugmentConfig(width_shift_range=0.2, horizontal_flip=True)

_WORKER = """
import sys
import tensorflow as tf
service = tf.data.experimental.service
config = service.WorkerConfig(
    dispatcher_address=sys.argv[1], heartbeat_interval_ms=100
)
worker = service.WorkerServer(config)
print("started", flush=True)
worker.join()
"""


@pytest.fixture(scope="module")
def dispatcher():
    """Address of a dispatcher with two workers, each a process of its own."""
    service = tf.data.experimental.service
    server = service.DispatchServer()
    _, address = server.target.split("://")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, address],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout.readline() == b"started\n"
    yield address
    for worker in workers:
        worker.kill()
        worker.communicate()


def _split():
    generator = np.random.default_rng(0)
    return pipeline.Split.from_arrays(
        generator.integers(0, 256, (_NUM_EXAMPLES, 12, 16, 1), np.uint8),
        np.arange(_NUM_EXAMPLES) % 2,
        class_names=("normal", "pneumonia"),
        name="train",
    )


def _batches(ds):
    """Returns the batches, sorted by their bytes: an order of no meaning."""
    batches = [(x.tobytes(), y.tobytes()) for x, y in ds.as_numpy_iterator()]
    return sorted(batches)


def test_workers_together_make_each_batch_of_an_epoch_once(dispatcher):
    service = tf.data.experimental.service
    kwargs = {"batch_size": 2, "seed": 3, "epoch": 4}
    local = pipeline.make_train_dataset(_split(), "train", _CONFIG, **kwargs)
    ds = pipeline.make_train_dataset(
        _split(), "train", _CONFIG, num_epochs=1, num_spans=16, **kwargs
    ).apply(
        service.distribute(
            processing_mode=service.ShardingPolicy.DYNAMIC,
            service=f"grpc://{dispatcher}",
        )
    )
    served = _batches(ds)
    assert len(served) == 22
    assert served == _batches(local)
