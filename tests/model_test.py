"""The networks: shapes, sizes they need, what they are compiled with."""

import keras
import numpy as np
import pytest

from training import config
from training import model


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


@pytest.mark.parametrize("name", config.MODELS)
@pytest.mark.parametrize(
    "input_shape, num_classes",
    [((64, 64, 1), 2), ((62, 100, 3), 4)],
    ids=["grey_two_classes", "rgb_four_classes_not_square"],
)
def test_model_gives_probabilities(name, input_shape, num_classes):
    net = model.build_model(name, input_shape, num_classes)
    images = np.random.default_rng(0).random((3, *input_shape), np.float32)
    probabilities = net(images).numpy()
    assert probabilities.shape == (3, num_classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", config.MODELS)
def test_model_needs_no_smaller_images_than_it_says(name):
    # The limit is the least size that Keras itself can build.
    model.build_model(name, (62, 62, 1), 2)
    for shape in [(61, 62, 1), (62, 61, 1)]:
        with pytest.raises(ValueError, match=r"at least 62x62.*image_size=6"):
            model.build_model(name, shape, 2)


def test_model_limit_is_that_of_keras(monkeypatch):
    monkeypatch.setitem(model._SMALLEST_SIZE, "lesson", 1)
    with pytest.raises(ValueError, match="size would be zero or negative"):
        model.build_model("lesson", (61, 61, 1), 2)


@pytest.mark.parametrize(
    "name, num_classes, message",
    [
        ("resnet", 2, "one of lesson. Received: name=resnet"),
        ("lesson", 1, "at least 2. Received: num_classes=1"),
    ],
    ids=["unknown_name", "one_class"],
)
def test_build_model_names_what_it_received_when_wrong(
    name, num_classes, message
):
    with pytest.raises(ValueError, match=message):
        model.build_model(name, (64, 64, 1), num_classes)


def test_compiled_model_has_what_callbacks_look_for():
    net = model.build_model("lesson", (64, 64, 1), 2)
    model.compile_model(net, 0.25)
    assert isinstance(net.optimizer, keras.optimizers.Adam)
    assert float(net.optimizer.learning_rate) == 0.25
    assert net.optimizer.built
