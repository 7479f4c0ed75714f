"""What of a step XLA compiles: what makes it faster and changes nothing."""

from __future__ import annotations

import dataclasses
import os

import tensorflow as tf

import pipeline
from training import config as config_lib


@dataclasses.dataclass(frozen=True)
class Compilation:
    """What XLA compiles, where it can.

    Attributes:
        training: The training step.
        evaluation: The evaluation step.
        images: The making of images, with a step that is compiled.
    """

    training: bool = True
    evaluation: bool = True
    images: bool = False


def choose(
    config: config_lib.TrainConfig, augment: pipeline.AugmentConfig
) -> Compilation:
    """Returns what XLA compiles in a run.

    Args:
        config: `jit_compile` decides about the steps, unless it is None;
            `deterministic` excludes what XLA cannot do.
        augment: How images are made.
    """
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    asked = config.jit_compile
    # XLA does not call oneDNN's convolutions, which train 1.5 to 2.6 times
    # as fast as its own. TensorFlow's others train at 60 % of XLA's speed.
    helps = on_gpu or not _has_onednn()
    # XLA refuses: "GPU MaxPool gradient ops do not yet have a deterministic
    # XLA implementation" (TensorFlow 2.21).
    can_train = not (on_gpu and config.deterministic)
    return Compilation(
        training=helps and can_train if asked is None else asked,
        evaluation=helps if asked is None else asked,
        # Launching the transforms one by one takes a GPU longer than doing
        # them. A CPU is slower for it: it computes twice what is fused.
        images=on_gpu and _is_continuous(augment),
    )


def _has_onednn() -> bool:
    """Whether TensorFlow's CPU kernels are oneDNN's, as on CPUs with AVX512.

    TensorFlow goes by the processor and TF_ENABLE_ONEDNN_OPTS, and has no
    public function that says what it chose:
    https://github.com/tensorflow/tensorflow/issues/17176. Where the private one
    of 2.18 to 2.21 is gone, it is taken for what TensorFlow documents as its
    default since 2.9, on unless the variable is 0.
    """
    try:
        from tensorflow.python.util import _pywrap_util_port

        return bool(_pywrap_util_port.IsMklEnabled())
    except (ImportError, AttributeError):
        return os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"


def _is_continuous(augment: pipeline.AugmentConfig) -> bool:
    """Whether a rounding of a coordinate can be no more than a rounding.

    Within a compiled step, XLA computes coordinates with fewer roundings than
    the host does. That must not decide about a pixel.
    """
    return (
        augment.fill_mode in ("nearest", "reflect")
        and augment.interpolation_order == 1
        and augment.brightness_range is None
        and augment.preprocessing_function is None
    )
