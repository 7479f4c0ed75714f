"""Single batches: what an epoch begins with, and by how many cores."""

import numpy as np
import pytest
import tensorflow as tf

import migration
from migration import batches as batches_lib
import pipeline

_CONFIG = pipeline.AugmentConfig(
    rescale=1 / 255, rotation_range=10, horizontal_flip=True
)


def _flow(size=64, count=500, **options):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (count, size, size, 1), np.uint8)
    return migration.flow(_CONFIG, x, np.arange(count) % 2, seed=3, **options)


def _num_nodes(dataset):
    """Returns how many operations the graph of a dataset has."""
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(dataset._as_serialized_graph().numpy())
    functions = graph.library.function
    return len(graph.node) + sum(len(each.node_def) for each in functions)


def test_pass_has_little_to_make_ready():
    """All functions of a dataset are made ready anew for every pass.

    `benchmarks/flow_start.py` has the time that it takes.
    """
    flow = _flow()
    graph = pipeline.make_train_dataset(
        flow.split, "x", _CONFIG, label_mode=None
    )
    assert _num_nodes(flow.dataset) < _num_nodes(graph) / 10


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
def test_batch_is_the_same_by_any_number_of_cores(cores, monkeypatch):
    monkeypatch.setattr(batches_lib.parallel, "num_cores", lambda: cores)
    monkeypatch.setattr(batches_lib, "_VALUES_PER_CORE", 64)
    flow = _flow(size=24, count=20, batch_size=12)
    graph = pipeline.make_train_dataset(
        flow.split, "x", _CONFIG, label_mode=None, seed=3, batch_size=12
    )
    for step, images in enumerate(graph.as_numpy_iterator()):
        np.testing.assert_array_equal(flow[step][0], images)


@pytest.mark.parametrize(
    ("cores", "shape", "parts"),
    [
        (16, (32, 64, 64, 1), 1),  # Too small to share.
        (16, (32, 256, 256, 1), 4),
        (16, (32, 512, 512, 3), 16),
        (2, (32, 512, 512, 3), 2),
        (16, (30, 512, 512, 3), 15),  # Equal parts.
        (16, (31, 512, 512, 3), 1),
    ],
)
def test_batch_is_cut_for_the_cores(cores, shape, parts, monkeypatch):
    monkeypatch.setattr(batches_lib.parallel, "num_cores", lambda: cores)
    assert batches_lib._count_parts(*shape) == parts


def test_passes_that_overlap_are_epochs_of_their_own():
    flow = _flow(size=8, count=12, batch_size=4)
    first, second = iter(flow.dataset), iter(flow.dataset)
    mixed = [next(first), next(second), next(first), next(second)]
    epochs = [[next(flow) for _ in range(3)] for _ in range(2)]
    for actual, expected in zip(
        mixed, (epochs[0][0], epochs[1][0], epochs[0][1], epochs[1][1])
    ):
        np.testing.assert_array_equal(actual[0], expected[0])


def test_one_iterator_for_all_epochs_gives_their_batches():
    flow = _flow(size=8, count=10, batch_size=4)
    kept = flow.dataset.repeat().take(3 * len(flow)).as_numpy_iterator()
    for images, labels in kept:
        expected = next(flow)
        np.testing.assert_array_equal(images, expected[0])
        np.testing.assert_array_equal(labels, expected[1])
    assert flow.total_batches_seen == 3 * len(flow)


def test_dataset_is_shared_out_by_a_strategy():
    flow = _flow(size=8, count=16, batch_size=8, shuffle=False)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    labels = []
    for _, per_replica in strategy.experimental_distribute_dataset(
        flow.dataset
    ):
        labels += list(strategy.experimental_local_results(per_replica))
    np.testing.assert_array_equal(np.concatenate(labels), flow.y)
    assert [len(part) for part in labels] == [4] * 4


def test_many_flows_are_no_reason_to_warn(caplog):
    for _ in range(6):
        _flow(size=8, count=4)[0]
    assert "retracing" not in caplog.text


@pytest.mark.parametrize("seed", ["1", 1.5, 2**63, True])
def test_seed_that_is_no_whole_number_is_refused(seed):
    x = np.zeros((2, 4, 4, 1))
    with pytest.raises(ValueError, match="`seed` must be an int.*Received"):
        migration.flow(_CONFIG, x, seed=seed)


def test_numbers_of_numpy_are_numbers():
    x = np.zeros((5, 4, 4, 1), np.uint8)
    flow = migration.flow(_CONFIG, x, batch_size=np.int64(2), seed=np.uint32(3))
    assert (len(flow), len(next(flow))) == (3, 2)
    assert flow.dataset.element_spec.shape == (None, 4, 4, 1)
