"""Passes over a few images: what is traced, what is measured."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from training import model as model_lib
from training.callbacks import dispatch
from training.loop import compilation
from training.loop import epoch_metrics
from training.loop import execution
from training.loop import runner as runner_lib
from training.loop import strategy as strategy_lib
from training.loop import throughput

IMAGES = np.random.default_rng(5).random((5, 64, 64, 1)).astype(np.float32)
LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]


@pytest.mark.parametrize("strategy_name", ["default", "mirrored"])
def test_pass_traces_its_step_once_with_a_partial_last_batch(strategy_name):
    strategy = strategy_lib.build_strategy(
        strategy_name, num_virtual_devices=2 * (strategy_name == "mirrored")
    )
    with strategy.scope():
        model = model_lib.build_model("lesson", (64, 64, 1), 2)
        model_lib.compile_model(model, keras.optimizers.Adam(0.01))

    def make_dataset(ctx):
        ds = tf.data.Dataset.from_tensor_slices(
            (IMAGES, LABELS, np.ones(5, np.float32))
        )
        if ctx.num_replicas_in_sync == 1:
            return ds.batch(2).repeat()
        return ds.take(4).batch(1, drop_remainder=True).repeat()

    batches = iter(strategy.distribute_datasets_from_function(make_dataset))
    runner = runner_lib.Runner(model, strategy)
    num_examples = 5 if strategy_name == "default" else 4
    callbacks = dispatch.Callbacks(model)
    for _ in range(3):
        trained = epoch_metrics.Progress(num_examples, 2)
        assert not runner.train(batches, trained, callbacks)
        evaluated = epoch_metrics.Progress(num_examples, 2)
        assert not runner.evaluate(batches, evaluated, callbacks)
        assert trained.result().num_examples == num_examples
        assert evaluated.is_complete
    graphs = runner._executions._graphs.values()
    assert [g.experimental_get_tracing_count() for g in graphs] == [1, 1]


def test_meter_counts_training_alone():
    model = model_lib.build_model("lesson", (64, 64, 1), 2)
    model_lib.compile_model(model, keras.optimizers.Adam(0.01))
    strategy = tf.distribute.get_strategy()
    ds = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS, np.ones(5, "f4")))
    batches = iter(
        strategy_lib.distribute(strategy, lambda ctx: ds.batch(2).repeat())
    )
    meter = throughput.ThroughputMeter()
    # To compile takes XLA longer than the steps.
    options = execution.StepOptions(
        compilation=compilation.Compilation(training=False, evaluation=False)
    )
    runner = runner_lib.Runner(model, strategy, options, meter=meter)
    callbacks = dispatch.Callbacks(model)
    runner.train(batches, epoch_metrics.Progress(5, 2), callbacks)
    trained = meter.done, meter.seconds, meter.input_wait_share
    assert meter.done == meter.num_examples == 5
    runner.evaluate(batches, epoch_metrics.Progress(5, 2), callbacks)
    assert (meter.done, meter.seconds, meter.input_wait_share) == trained
