"""Names of strategies; the tests run with three logical CPUs."""

import pytest
import tensorflow as tf

from training.loop import strategy
from training.loop import tpu as tpu_lib


@pytest.mark.parametrize(
    "name, devices, replicas",
    [("default", 0, 1), ("mirrored", 1, 1), ("mirrored", 2, 2)],
)
def test_strategy_has_the_replicas_asked_for(name, devices, replicas):
    built = strategy.build_strategy(name, num_virtual_devices=devices)
    assert built.num_replicas_in_sync == replicas


def test_mirrored_takes_all_gpus_or_the_cpu():
    gpus = tf.config.list_logical_devices("GPU")
    built = strategy.build_strategy("mirrored")
    assert built.num_replicas_in_sync == max(len(gpus), 1)


def test_two_mirrored_strategies_live_in_one_process():
    # Tensors of different shapes: TensorFlow's collectives over CPUs confuse
    # those of two strategies.
    for size in (3, 5):
        built = strategy.build_strategy("mirrored", num_virtual_devices=2)

        @tf.function
        def total():
            return built.run(
                lambda: tf.distribute.get_replica_context().all_reduce(
                    tf.distribute.ReduceOp.SUM, tf.ones(size)
                )
            )

        values = built.experimental_local_results(total())
        for value in values:
            assert value.numpy().tolist() == [2.0] * size


@pytest.mark.parametrize(
    "name, devices, error, message",
    [
        ("tpus", 0, ValueError, "Received: strategy=tpus"),
        ("default", 2, ValueError, "num_virtual_devices=2, strategy=default"),
        ("mirrored", 5, RuntimeError, "started with 3 CPU.*devices=5"),
    ],
)
def test_build_strategy_names_what_it_received_when_wrong(
    name, devices, error, message
):
    tf.config.list_logical_devices()  # starts TensorFlow
    with pytest.raises(error, match=message):
        strategy.build_strategy(name, num_virtual_devices=devices)


def test_mirrored_takes_the_devices_asked_for():
    built = strategy.build_strategy("mirrored", devices=("cpu:1", "CPU:0"))
    assert built.num_replicas_in_sync == 2


@pytest.mark.parametrize("devices", [("cpu:7",), ("cpu:0", "cpu:0"), ("x",)])
def test_devices_that_are_not_there_are_refused_with_those_that_are(devices):
    with pytest.raises(ValueError, match=r"different ones of cpu:0, cpu:1"):
        strategy.build_strategy("mirrored", devices=devices)


def test_multi_worker_needs_a_cluster():
    with pytest.raises(ValueError, match="Received: cluster=None"):
        strategy.build_strategy("multi_worker")


@pytest.mark.parametrize(
    "tpu, message",
    [
        (None, "needs --tpu: the name of a TPU"),
        ("local", "none of its devices .*accel0.*Received: tpu=local"),
        ("my-tpu", "metadata server does not answer.*Received: tpu=my-tpu"),
    ],
)
def test_tpu_that_is_not_there_is_reported_in_seconds(
    tpu, message, monkeypatch
):
    monkeypatch.setattr(tpu_lib, "_METADATA_SECONDS", 0.5)
    monkeypatch.setattr(tpu_lib, "_METADATA_URL", "http://127.0.0.1:9/")
    with pytest.raises(ValueError, match=message):
        strategy.build_strategy("tpu", tpu=tpu)
