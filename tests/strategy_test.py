"""Names of strategies; the tests run with two logical CPUs."""

import pytest
import tensorflow as tf

from training import strategy


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
        ("tpu", 0, ValueError, "Received: strategy=tpu"),
        ("default", 2, ValueError, "num_virtual_devices=2, strategy=default"),
        ("mirrored", 5, RuntimeError, "started with 2 CPU.*devices=5"),
    ],
)
def test_build_strategy_names_what_it_received_when_wrong(
    name, devices, error, message
):
    tf.config.list_logical_devices()  # starts TensorFlow
    with pytest.raises(error, match=message):
        strategy.build_strategy(name, num_virtual_devices=devices)
