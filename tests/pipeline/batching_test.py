"""How batches are shared out over the workers of a cluster."""

import numpy as np
import pytest
import tensorflow as tf

from pipeline import batching

WORKERS, LOCAL_REPLICAS = 64, 8
REPLICAS = WORKERS * LOCAL_REPLICAS


def places_of_workers(num_examples, batch_size, remainder):
    """Returns places and reality, `[steps, replicas, per_replica]`."""
    shares = []
    for worker in range(WORKERS):
        plan = batching.make_batching(
            num_examples,
            batch_size,
            remainder,
            tf.distribute.InputContext(WORKERS, worker, REPLICAS),
        )
        shape = (plan.steps, LOCAL_REPLICAS, plan.per_replica)
        shares.append(
            [
                part.numpy().reshape(shape)
                for part in plan.positions(0, plan.steps)
            ]
        )
    return [np.concatenate(parts, axis=1) for parts in zip(*shares)]


def draw_sizes():
    """Sizes at the edges, and odd ones: of the split and of a batch."""
    generator = np.random.default_rng(0)
    yield 1, 1
    yield REPLICAS - 1, REPLICAS
    yield REPLICAS + 1, REPLICAS
    yield 3 * REPLICAS, REPLICAS
    for _ in range(6):
        yield int(generator.integers(2, 5000)), int(generator.integers(1, 1500))


@pytest.mark.parametrize("remainder", ["keep", "drop"])
@pytest.mark.parametrize("num_examples, batch_size", draw_sizes())
def test_workers_share_out_what_one_device_gets(
    num_examples, batch_size, remainder
):
    places, real = places_of_workers(num_examples, batch_size, remainder)
    # One device gets places 0, 1, ... in batches.
    batches = [
        np.arange(start, min(start + batch_size, num_examples))
        for start in range(0, num_examples, batch_size)
    ]
    if remainder == "drop":
        batches = [batch for batch in batches if len(batch) == batch_size]
    assert len(places) == len(batches)
    for step, batch in enumerate(batches):
        # Each once, and in the order of the replicas.
        np.testing.assert_array_equal(places[step][real[step]], batch)
        # Padding is of the same batch: nothing else is read for it.
        assert np.isin(places[step], batch).all()
        loads = real[step].sum(axis=1)
        assert loads.max() - loads.min() <= 1
