"""The networks: shapes, sizes they need, what they expect, what they load."""

import importlib
import inspect
import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from training import model
from training.config import networks
from training.model import applications

OURS = networks.OWN
# One of each way to scale; small ones.
SOME = (
    *("MobileNetV2", "DenseNet121", "ResNet50", "MobileNetV3Small"),
    "efficientnet_lite0",
)


def images_of(shape, count=3, rescale=1.0):
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape))
    return (pixels * rescale).astype(np.float32)


def test_lesson_has_the_layers_of_the_lesson():
    net = model.build_model("lesson", (256, 256, 1), 2)
    kinds = [layer.__class__.__name__ for layer in net.layers]
    assert kinds == [
        "Conv2D",
        "MaxPooling2D",
        "Conv2D",
        "MaxPooling2D",
        "Flatten",
        "Dense",
    ]
    shapes = [weight.shape for weight in net.get_weights()]
    assert shapes == [
        (5, 5, 1, 2),
        (2,),
        (3, 3, 2, 4),
        (4,),
        (7 * 7 * 4, 2),
        (2,),
    ]


@pytest.mark.parametrize("name", OURS + SOME[:1])
@pytest.mark.parametrize(
    "input_shape, num_classes",
    [((64, 64, 1), 2), ((62, 100, 3), 4), ((64, 64, 4), 2)],
    ids=["grey_two_classes", "rgb_four_classes_not_square", "rgba"],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_model_gives_probabilities(name, input_shape, num_classes, precision):
    net = model.build_model(name, input_shape, num_classes, precision=precision)
    probabilities = net(images_of(input_shape) / 255)
    assert probabilities.dtype == "float32"
    assert probabilities.shape == (3, num_classes)
    np.testing.assert_allclose(probabilities.numpy().sum(axis=1), 1, atol=1e-6)
    assert {weight.dtype for weight in net.weights} == {"float32"}
    assert net.layers[-2].compute_dtype == precision
    # What comes after is built as before.
    assert keras.config.dtype_policy().name == "float32"


def test_residual_costs_the_same_weights_at_any_size():
    sizes = [(32, 32, 1), (128, 128, 1), (200, 136, 1)]
    nets = [
        model.build_model(name, size, 2)
        for name in ("residual", "residual_antialiased")
        for size in sizes
    ]
    assert {net.count_params() for net in nets} == {nets[0].count_params()}
    assert 2e5 < nets[0].count_params() < 4e5


def test_names_are_those_of_keras_applications():
    found = {
        name
        for name, member in inspect.getmembers(keras.applications)
        if inspect.isfunction(member)
    }
    assert set(networks.APPLICATIONS) == found


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_smallest_size_is_that_of_keras(name):
    smallest = networks.smallest_size(name)
    for shape in [(smallest - 1, 99, 1), (99, smallest - 1, 1)]:
        with pytest.raises(ValueError, match=f"{smallest}x{smallest} pixels"):
            model.build_model(name, shape, 2)
    if name not in networks.APPLICATIONS:
        return
    with pytest.raises(ValueError, match="must be at least"):
        getattr(keras.applications, name)(
            include_top=False,
            weights=None,
            input_shape=(smallest - 1, smallest - 1, 3),
        )


def test_lesson_cannot_be_smaller(monkeypatch):
    monkeypatch.setitem(networks._SMALLEST_SIZE, "lesson", 1)
    # Keras 3.12 builds it, and finds only on images that nothing is left.
    with pytest.raises((ValueError, tf.errors.OpError)):
        model.build_model("lesson", (61, 61, 1), 2)(images_of((61, 61, 1)))


@pytest.mark.parametrize("name", SOME)
def test_networks_that_say_they_take_small_images_do(name):
    smallest = networks.smallest_size(name)
    shape = (smallest, smallest, 1)
    assert model.build_model(name, shape, 2)(images_of(shape)).shape == (3, 2)


def _preprocess_input(name):
    """Returns Keras's own function for a network."""
    if name == "efficientnet_lite0":
        # MEAN_RGB and STDDEV_RGB of its authors.
        return lambda pixels: (pixels - 127.0) / 128.0
    function = getattr(keras.applications, name)
    return importlib.import_module(function.__module__).preprocess_input


@pytest.mark.parametrize("name", ["efficientnet_lite0", *networks.APPLICATIONS])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("rescale", [1.0, 1 / 255])
def test_pixels_are_scaled_as_published_weights_expect(name, channels, rescale):
    shape = (4, 5, channels)
    inputs = keras.Input(shape)
    x = applications.to_three_channels(inputs)
    scaling = applications.scaling_of(name)
    x = applications.scale_pixels(x, scaling, rescale, channels > 1)
    # Keras 3.12 makes no model of an input that nothing is done to.
    outputs = keras.layers.Identity()(x)
    ours = keras.Model(inputs, outputs)(images_of(shape, rescale=rescale))
    pixels = np.broadcast_to(images_of(shape), (3, 4, 5, 3)).copy()
    theirs = _preprocess_input(name)(pixels)
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50"])
def test_half_precision_begins_after_pixels_are_scaled(name):
    # .5020 and .5031 are one number in bfloat16; .0039 and .0063, which they
    # are around the middle of the scale, are not.
    net = model.build_model(
        name, (32, 32, 1), 2, rescale=1 / 255, precision="bfloat16"
    )
    # What the network is given, of which new ones may make next to nothing.
    backbone, given = net.get_layer(name), []
    monitored = backbone.call
    backbone.call = lambda x, **options: given.append(x) or monitored(
        x, **options
    )
    images = np.ones((2, 32, 32, 1), np.float32)
    net(images * np.reshape([128 / 255, 128.3 / 255], (2, 1, 1, 1)))
    first, second = np.asarray(given[0], np.float32)
    assert np.all(first != second)


def test_new_efficientnet_scales_pixels_as_published_ones():
    backbone = model.build_model("EfficientNetB0", (32, 32, 3), 2).layers[1]
    rescaling, normalization = backbone.layers[1:3]
    pixels = images_of((32, 32, 3))
    np.testing.assert_allclose(
        normalization(rescaling(pixels)),
        keras.applications.densenet.preprocess_input(pixels.copy()),
        atol=1e-5,
    )


@pytest.mark.parametrize("name", ["MobileNetV2", "efficientnet_lite0"])
def test_normalization_is_over_all_replicas(name):
    net = model.build_model(name, (32, 32, 1), 2)
    found = [
        layer
        for layer in net.get_layer(name).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert found and all(layer.synchronized for layer in found)


@pytest.mark.parametrize("name", ["residual", "efficientnet_lite0", "VGG16"])
def test_saved_model_loads_without_our_code(name, tmp_path):
    net = model.build_model(name, (64, 64, 3), 2, rescale=1 / 255)
    path = tmp_path / "model.keras"
    model.compile_model(net, keras.optimizers.SGD(0.1))
    net.save(path)
    with zipfile.ZipFile(path) as archive:
        described = json.loads(archive.read("config.json"))
        assert "training" not in described["module"]
    images = images_of((64, 64, 3)) / 255
    expected = tmp_path / "expected.npz"
    np.savez(expected, images=images, scores=net.predict(images, verbose=0))
    if name != "residual":
        loaded = keras.models.load_model(path, safe_mode=True)
        scores = loaded.predict(images, verbose=0)
        np.testing.assert_allclose(
            scores, np.load(expected)["scores"], atol=1e-5
        )
        return
    program = (
        "import sys, keras, numpy as np;"
        "net = keras.models.load_model(sys.argv[1], safe_mode=True);"
        "data = np.load(sys.argv[2]);"
        "scores = net.predict(data['images'], verbose=0);"
        "np.testing.assert_allclose(scores, data['scores'], atol=1e-5);"
        "assert not any(m.startswith('training') for m in sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(path), str(expected)],
        cwd=tmp_path,
        check=True,
    )


@pytest.mark.parametrize(
    "name, num_classes, message",
    [
        ("ResNet5O", 2, "Did you mean ResNet50 or.*Received: model=ResNet5O"),
        ("xyz", 2, "such as EfficientNetB0. Received: model=xyz"),
        ("lesson", 1, "at least 2. Received: num_classes=1"),
    ],
    ids=["typo", "unknown_name", "one_class"],
)
def test_build_model_names_what_it_received_when_wrong(
    name, num_classes, message
):
    with pytest.raises(ValueError, match=message):
        model.build_model(name, (64, 64, 1), num_classes)


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="float16, bfloat16.*precision=int8"):
        model.build_model("lesson", (64, 64, 1), 2, precision="int8")


def test_compiled_model_has_what_callbacks_look_for():
    net = model.build_model("lesson", (64, 64, 1), 2)
    model.compile_model(net, keras.optimizers.Adam(0.25))
    assert float(net.optimizer.learning_rate) == 0.25
    assert net.optimizer.built
