"""What the loop needs of Keras and TensorFlow besides their documented calls.

Each is public, or has been there for years, but may go: these tests say which
one, and `training` says in a comment what it is for.
"""

import keras
import pytest
import tensorflow as tf


@pytest.mark.parametrize(
    "owner, name",
    [
        (keras.optimizers.Optimizer, "scale_loss"),
        (keras.optimizers.Optimizer, "exclude_from_weight_decay"),
        (keras.callbacks.CallbackList, "on_train_batch_end"),
        (keras.Model, "metrics_variables"),
        (tf.distribute.StrategyExtended, "update"),
        (tf.data.experimental, "prefetch_to_device"),
        (tf.config.experimental, "enable_op_determinism"),
        (tf.tpu.experimental, "initialize_tpu_system"),
    ],
)
def test_name_is_there(owner, name):
    assert hasattr(owner, name), f"{owner} has no {name} any more"


def test_executions_count_their_traces():
    assert tf.function(lambda: 1).experimental_get_tracing_count() == 0


def test_normalization_can_be_synchronized_after_it_was_built():
    layer = keras.layers.BatchNormalization()
    assert layer.synchronized is False


def test_statistics_of_a_normalization_are_weights():
    layer = keras.layers.Normalization()
    layer.build((None, 4, 4, 3))
    assert layer.adapt_mean.shape == layer.adapt_variance.shape == (3,)
    layer.finalize_state()


def test_callbacks_choose_their_direction_by_mode():
    callback = keras.callbacks.EarlyStopping("val_auc")
    assert callback.mode == "auto" and callback.monitor == "val_auc"
    callbacks = keras.callbacks.CallbackList([callback], epochs=2)
    assert callbacks.callbacks == [callback]
    assert callbacks.params["epochs"] == 2
