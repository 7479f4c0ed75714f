"""Weights as PyTorch names and stores them, of two families of networks.

EfficientNet-Lite0 as in the package efficientnet-lite-pytorch, and DenseNet as
in torchvision and torchxrayvision.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import functools
import re
from typing import Any

import keras
import numpy as np

from training.model import applications
from training.model import named_arrays

_LITE = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "head_conv": "_conv_head",
    "head_bn": "_bn1",
}
_LITE_BLOCK = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
_DENSENET = {"conv1_conv": "conv0", "conv1_bn": "norm0", "bn": "norm5"}
_DENSENET_BLOCK = {
    "0_bn": "norm1",
    "1_conv": "conv1",
    "1_bn": "norm2",
    "2_conv": "conv2",
}
_DENSENET_TRANSITION = {"bn": "norm", "conv": "conv"}
_DENSENET_FIRST = "features.conv0.weight"

_WEIGHTS = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

# Heads, which are for other classes, and what is no weight.
_NOT_OF_THE_BODY = re.compile(
    r"(_fc|classifier)\..*|op_threshs|.*\.num_batches_tracked"
)

# Keras's DenseNet divides by sqrt(variance + 1.001e-5), PyTorch's by
# sqrt(variance + 1e-5).
_EPSILON_DIFFERENCE = 1e-8

# torchxrayvision feeds one channel, pixels of 0 to 1 less .5, times 2048
# (`torchxrayvision.utils.normalize`).
_XRAY_MIDDLE = 0.5
_XRAY_SPAN = 2048.0


def names_arrays(
    backbone: keras.Model, arrays: Mapping[str, np.ndarray]
) -> bool:
    """Whether arrays are named as PyTorch names those of a network.

    Args:
        backbone: The network without its head.
        arrays: By name.
    """
    name = _naming(backbone.name)
    return name is not None and any(
        f"{name(layer.name)}.weight" in arrays
        for layer in backbone.layers
        if isinstance(layer, keras.layers.Conv2D)
    )


def load(backbone: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Gives a network without its head arrays of PyTorch.

    Args:
        backbone: An EfficientNet-Lite0 or a DenseNet.
        arrays: By name. Those of a head, and counters, are left out. If the
            first convolution of a DenseNet has one channel, that is one of
            -1024 to 1024, and else RGB as torchvision scales it.

    Raises:
        ValueError: If others are missing, left over or of another shape; the
            text lists them.
    """
    named_arrays.fill(
        [_slot(backbone.name, weight, arrays) for weight in backbone.weights],
        {
            name: array
            for name, array in arrays.items()
            if not _NOT_OF_THE_BODY.fullmatch(name)
        },
    )


def _naming(network: str) -> Callable[[str], str] | None:
    """Returns what makes PyTorch's name of a layer of Keras's."""
    if network == "efficientnet_lite0":
        return _lite_name
    return _densenet_name if network.startswith("DenseNet") else None


def _lite_name(layer: str) -> str:
    block = re.fullmatch(r"block(\d+)_(\w+)", layer)
    if block is None:
        return _LITE[layer]
    return f"_blocks.{block[1]}.{_LITE_BLOCK[block[2]]}"


def _densenet_name(layer: str) -> str:
    # Keras counts the first convolution as a stage.
    if block := re.fullmatch(r"conv(\d)_block(\d+)_(\w+)", layer):
        part = f"denselayer{block[2]}.{_DENSENET_BLOCK[block[3]]}"
        return f"features.denseblock{int(block[1]) - 1}.{part}"
    if transition := re.fullmatch(r"pool(\d)_(\w+)", layer):
        part = _DENSENET_TRANSITION[transition[2]]
        return f"features.transition{int(transition[1]) - 1}.{part}"
    return f"features.{_DENSENET[layer]}"


def _slot(
    network: str, weight: Any, arrays: Mapping[str, np.ndarray]
) -> named_arrays.Slot:
    naming = _naming(network)
    assert naming is not None
    layer, kind = weight.path.split("/")
    name = f"{naming(layer)}.{_WEIGHTS[kind]}"
    shape = tuple(weight.shape)
    slot = functools.partial(named_arrays.Slot, weight, name)
    if kind == "kernel":
        # [out, in, rows, columns]; in groups, "in" is the filters of each.
        axes = (2, 3, 0, 1) if "depthwise" in layer else (2, 3, 1, 0)
        stored = tuple(shape[axes.index(axis)] for axis in range(4))
        if name == _DENSENET_FIRST and _is_grey(arrays.get(name)):
            return slot((stored[0], 1, *stored[2:]), _from_grey)
        return slot(stored, functools.partial(np.transpose, axes=axes))
    if kind == "moving_variance" and naming is _densenet_name:
        return slot(shape, lambda variance: variance - _EPSILON_DIFFERENCE)
    return slot(shape)


def _is_grey(kernel: np.ndarray | None) -> bool:
    return kernel is not None and kernel.shape[1:2] == (1,)


def _from_grey(kernel: np.ndarray) -> np.ndarray:
    """Returns a kernel for RGB that sees grey as one for X-rays does.

    Our network feeds channel c of a pixel p of 0 to 1 as (p - mean_c) / std_c,
    which std_c * that + mean_c undoes. Shares of the channels that add up to 1
    give 2048 * (p - .5) then, if the means with these shares add up to .5, too:
    nothing is left over for a bias, which the convolution has not, and the
    zeros at the border are what they were.

    Args:
        kernel: `[filters, 1, rows, columns]`.

    Returns:
        `[rows, columns, 3, filters]`.
    """
    mean, std = applications.TORCH_MEAN, applications.TORCH_STD
    sums = np.array([[1.0, 1.0, 1.0], mean])
    shares = np.linalg.lstsq(sums, np.array([1.0, _XRAY_MIDDLE]), rcond=None)[0]
    scales = _XRAY_SPAN * shares * std
    return np.transpose(kernel, (2, 3, 1, 0)) * scales[:, np.newaxis]
