"""Weights of PyTorch compute in Keras what they compute there."""

import keras
import numpy as np
import pytest

from tests.helpers import array_files
from tests.helpers import torch_arrays
from training import model

SHAPE = (32, 32, 1)


def pixels_of(rng, channels, size=32):
    return rng.integers(0, 256, (2, size, size, channels)).astype(np.float32)


def features_of(net, images):
    body = keras.Model(net.inputs[0], net.layers[-1].input)
    return body(images).numpy()


def first(images):
    return np.moveaxis(images, -1, 1)


def assert_close(ours, theirs):
    scale = np.abs(theirs).max()
    assert scale > 0
    np.testing.assert_allclose(ours / scale, theirs / scale, atol=5e-6)


@pytest.fixture(scope="module", name="densenet")
def build_densenet():
    return model.build_model("DenseNet121", SHAPE, 2, rescale=1 / 255)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_densenet_for_xrays_sees_grey_as_it_was_trained(
    suffix, densenet, rng, tmp_path
):
    arrays = torch_arrays.densenet121(rng)
    # Where the two epsilons differ by a part in a thousand.
    arrays["features.norm0.running_var"][::4] = 0
    path = array_files.save(tmp_path / f"xrays{suffix}", arrays)
    head = densenet.layers[-1].get_weights()
    told = model.load_initial_weights(densenet, path)
    assert told == f"DenseNet121 from {path}, its head at random"
    pixels = pixels_of(rng, 1)
    # `torchxrayvision.utils.normalize`.
    given = first((2 * (pixels / 255) - 1) * 1024)
    assert_close(
        features_of(densenet, pixels / 255),
        torch_arrays.run_densenet121(arrays, given),
    )
    for before, after in zip(head, densenet.layers[-1].get_weights()):
        np.testing.assert_array_equal(before, after)


def test_densenet_of_torchvision_sees_colour_as_it_was_trained(rng, tmp_path):
    arrays = torch_arrays.densenet121(rng, channels=3)
    path = array_files.save(tmp_path / "imagenet.npz", arrays)
    net = model.build_model("DenseNet121", (*SHAPE[:2], 3), 2)
    model.load_initial_weights(net, path)
    pixels = pixels_of(rng, 3)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    given = first((pixels / 255 - mean) / std)
    assert_close(
        features_of(net, pixels), torch_arrays.run_densenet121(arrays, given)
    )


@pytest.mark.parametrize("size", [40, 33], ids=["even", "odd"])
def test_lite0_computes_what_its_authors_package_does(size, rng, tmp_path):
    arrays = torch_arrays.lite0(rng)
    path = array_files.save(tmp_path / "lite0.npz", arrays)
    net = model.build_model("efficientnet_lite0", (size, size, 3), 2)
    told = model.load_initial_weights(net, path)
    assert told == f"efficientnet_lite0 from {path}, its head at random"
    pixels = pixels_of(rng, 3, size)
    given = first((pixels - 127) / 128)
    assert_close(
        features_of(net, pixels), torch_arrays.run_lite0(arrays, given)
    )


def test_what_does_not_fit_is_listed_by_the_names_of_the_file(
    densenet, rng, tmp_path
):
    arrays = torch_arrays.densenet121(rng)
    del arrays["features.norm0.bias"]
    arrays["features.denseblock1.denselayer1.conv1.weight"] = np.zeros(
        (128, 32, 1, 1), np.float32
    )
    arrays["features.norm6.bias"] = np.zeros(3, np.float32)
    arrays["features.norm5.running_var"][5] = np.nan
    path = array_files.save(tmp_path / "xrays.npz", arrays)
    before = densenet.get_weights()
    with pytest.raises(ValueError) as caught:
        model.load_initial_weights(densenet, path)
    for part in (
        "features.norm0.bias (64,) is missing",
        "features.denseblock1.denselayer1.conv1.weight is (128, 32, 1, 1), "
        "not (128, 64, 1, 1)",
        "features.norm6.bias (3,) is none of its weights",
        "features.norm5.running_var holds NaN",
        f"Received: weights={path}",
    ):
        assert part in str(caught.value)
    for ours, theirs in zip(densenet.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
