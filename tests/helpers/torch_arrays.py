"""Random weights as PyTorch names and lays them out, and what they compute.

The networks are those of torchxrayvision and efficientnet-lite-pytorch, written
with NumPy alone.
"""

import re

import numpy as np

_STAGES = (6, 12, 24, 16)
_GROWTH = 32


def densenet121(rng, channels=1):
    """Returns the state of a DenseNet-121, by name."""
    arrays = {}
    _add(arrays, rng, "features.conv0", (64, channels, 7, 7))
    _add(arrays, rng, "features.norm0", (64,))
    features = 64
    for stage, count in enumerate(_STAGES, 1):
        for layer in range(1, count + 1):
            name = f"features.denseblock{stage}.denselayer{layer}"
            _add(arrays, rng, f"{name}.norm1", (features,))
            _add(arrays, rng, f"{name}.conv1", (128, features, 1, 1))
            _add(arrays, rng, f"{name}.norm2", (128,))
            _add(arrays, rng, f"{name}.conv2", (_GROWTH, 128, 3, 3))
            features += _GROWTH
        if stage < len(_STAGES):
            name = f"features.transition{stage}"
            _add(arrays, rng, f"{name}.norm", (features,))
            _add(arrays, rng, f"{name}.conv", (features // 2, features, 1, 1))
            features //= 2
    _add(arrays, rng, "features.norm5", (features,))
    arrays["classifier.weight"] = rng.random((18, features), np.float32)
    arrays["classifier.bias"] = rng.random(18, np.float32)
    # Thresholds, unknown for some of the findings.
    arrays["op_threshs"] = np.full(18, np.nan)
    return arrays


def run_densenet121(arrays, x):
    """Returns `[n, 1024]`: `[n, channels, rows, columns]`, features pooled."""
    x = _convolve(x, arrays["features.conv0.weight"], 2, (3, 3))
    x = np.maximum(_normalize(x, arrays, "features.norm0", 1e-5), 0)
    x = _pad(x, (1, 1), -np.inf)
    x = _windows(x, 3, 2).max(axis=(-2, -1))
    for stage, count in enumerate(_STAGES, 1):
        for layer in range(1, count + 1):
            name = f"features.denseblock{stage}.denselayer{layer}"
            y = _dense_part(x, arrays, name, "1", (0, 0))
            y = _dense_part(y, arrays, name, "2", (1, 1))
            x = np.concatenate([x, y], axis=1)
        if stage < len(_STAGES):
            x = _dense_part(
                x, arrays, f"features.transition{stage}", "", (0, 0)
            )
            x = _windows(x, 2, 2).mean(axis=(-2, -1))
    x = np.maximum(_normalize(x, arrays, "features.norm5", 1e-5), 0)
    return x.mean(axis=(2, 3))


def lite0(rng):
    """Returns the state of an EfficientNet-Lite0, by name."""
    arrays = {}
    _add(arrays, rng, "_conv_stem", (32, 3, 3, 3))
    _add(arrays, rng, "_bn0", (32,))
    channels = 32
    for index, (size, _, expansion, filters) in enumerate(_lite0_blocks()):
        name, wide = f"_blocks.{index}", channels * expansion
        if expansion > 1:
            _add(arrays, rng, f"{name}._expand_conv", (wide, channels, 1, 1))
            _add(arrays, rng, f"{name}._bn0", (wide,))
        _add(arrays, rng, f"{name}._depthwise_conv", (wide, 1, size, size))
        _add(arrays, rng, f"{name}._bn1", (wide,))
        _add(arrays, rng, f"{name}._project_conv", (filters, wide, 1, 1))
        _add(arrays, rng, f"{name}._bn2", (filters,))
        channels = filters
    _add(arrays, rng, "_conv_head", (1280, channels, 1, 1))
    _add(arrays, rng, "_bn1", (1280,))
    arrays["_fc.weight"] = rng.random((1000, 1280), np.float32)
    arrays["_fc.bias"] = rng.random(1000, np.float32)
    return arrays


def run_lite0(arrays, x):
    """Returns `[n, 1280]`, pooled features of `[n, 3, rows, columns]`."""
    x = _lite_part(x, arrays, "_conv_stem", "_bn0", strides=2)
    for index, (_, strides, expansion, _) in enumerate(_lite0_blocks()):
        name, shortcut = f"_blocks.{index}", x
        if expansion > 1:
            x = _lite_part(x, arrays, f"{name}._expand_conv", f"{name}._bn0")
        x = _lite_part(
            x, arrays, f"{name}._depthwise_conv", f"{name}._bn1", strides
        )
        x = _same(x, arrays[f"{name}._project_conv.weight"], 1)
        x = _normalize(x, arrays, f"{name}._bn2", 1e-3)
        if strides == 1 and x.shape == shortcut.shape:
            x = x + shortcut
    return _lite_part(x, arrays, "_conv_head", "_bn1").mean(axis=(2, 3))


def _lite0_blocks():
    """Yields kernel size, stride, expansion and filters of each block."""
    for text in (
        *("r1_k3_s1_e1_o16", "r2_k3_s2_e6_o24", "r2_k5_s2_e6_o40"),
        *("r3_k3_s2_e6_o80", "r3_k5_s1_e6_o112", "r4_k5_s2_e6_o192"),
        "r1_k3_s1_e6_o320",
    ):
        repeats, size, strides, *rest = map(int, re.findall(r"\d+", text))
        for repeat in range(repeats):
            yield (size, 1 if repeat else strides, *rest)


def _add(arrays, rng, name, shape):
    if len(shape) == 4:
        spread = np.sqrt(2 / np.prod(shape[1:]))
        kernel = spread * rng.standard_normal(shape)
        arrays[f"{name}.weight"] = kernel.astype(np.float32)
        return
    for kind, low, high in (
        ("weight", 0.5, 1.5),
        ("bias", -0.3, 0.3),
        ("running_mean", -0.3, 0.3),
        ("running_var", 0.5, 2.0),
    ):
        values = rng.uniform(low, high, shape)
        arrays[f"{name}.{kind}"] = values.astype(np.float32)
    arrays[f"{name}.num_batches_tracked"] = np.array(7)


def _dense_part(x, arrays, name, number, padding):
    x = np.maximum(_normalize(x, arrays, f"{name}.norm{number}", 1e-5), 0)
    return _convolve(x, arrays[f"{name}.conv{number}.weight"], 1, padding)


def _lite_part(x, arrays, convolution, normalization, strides=1):
    x = _same(x, arrays[f"{convolution}.weight"], strides)
    return np.clip(_normalize(x, arrays, normalization, 1e-3), 0, 6)


def _same(x, kernel, strides):
    """As Conv2dDynamicSamePadding: what is odd goes to the end."""
    side, size = x.shape[-1], kernel.shape[-1]
    needed = max((-(-side // strides) - 1) * strides + size - side, 0)
    return _convolve(x, kernel, strides, (needed // 2, needed - needed // 2))


def _convolve(x, kernel, strides, padding):
    windows = _windows(_pad(x, padding, 0), kernel.shape[-1], strides)
    if kernel.shape[1] == 1 and x.shape[1] > 1:
        return np.einsum("ncyxij,cij->ncyx", windows, kernel[:, 0])
    # [n, rows, columns, filters]
    y = np.tensordot(windows, kernel, axes=((1, 4, 5), (1, 2, 3)))
    return np.moveaxis(y, -1, 1)


def _windows(x, size, strides):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))
    return windows[:, :, ::strides, ::strides]


def _pad(x, padding, value):
    around = ((0, 0), (0, 0), padding, padding)
    return np.pad(x, around, constant_values=value)


def _normalize(x, arrays, name, epsilon):
    mean, variance, scale, offset = (
        arrays[f"{name}.{kind}"][:, np.newaxis, np.newaxis]
        for kind in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset
