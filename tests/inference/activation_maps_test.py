"""Maps: one per kind of network, right where the truth is known."""

import keras
from keras import layers
import numpy as np
import pytest
import tensorflow as tf

from inference import activation_maps
from inference import network_parts
from training import model as model_lib

# One of each way to end and to scale, of those that are built in seconds.
AVERAGED = (
    *("residual", "EfficientNetB0", "MobileNet", "VGG16"),
    "efficientnet_lite0",
)
OTHERS = (
    "lesson",
    pytest.param("ConvNeXtTiny", marks=pytest.mark.slow),
)
SIZE = 96


@pytest.fixture(scope="module", name="nets")
def make_nets():
    """A function from a name to its network, built once."""
    built = {}

    def build(name, channels=1, num_classes=2, **options):
        key = (name, channels, num_classes, *options.items())
        if key not in built:
            keras.utils.set_random_seed(3)
            shape = (SIZE, SIZE, channels)
            built[key] = model_lib.build_model(
                name, shape, num_classes, **options
            )
        return built[key]

    return build


@pytest.fixture(name="films")
def make_films(rng):
    films = rng.random((3, SIZE, SIZE, 1)).astype(np.float32)
    films[:, 20:60, 30:70] *= 0.2
    return films


def gradient_maps(net, images, classes):
    """Grad-CAM by its definition, through Keras's own graph of a flat model.

    Weights are the derivatives of a logit's lead, averaged over all places.
    """
    places = [layer for layer in net.layers if len(layer.output.shape) == 4]
    logits = keras.Model(
        net.inputs[0], [places[-1].output, net.layers[-2].output]
    )
    head = net.layers[-1]
    with tf.GradientTape() as tape:
        features, pooled = logits(images, training=False)
        tape.watch(features)
        # Again from the features, which the tape has to see.
        pooled = net.layers[-2](features)
        z = pooled @ head.kernel
        own = tf.one_hot(classes, z.shape[1])
        others = (1 - own) / (z.shape[1] - 1)
        lead = tf.reduce_sum(z * (own - others))
    slopes = tape.gradient(lead, features)
    weights = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True)
    maps = tf.nn.relu(tf.reduce_sum(weights * features, -1, keepdims=True))
    maps = tf.image.resize(maps, images.shape[1:3])[..., 0].numpy()
    return maps / maps.max(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_closed_form_is_grad_cam(nets, films, num_classes):
    net = nets("residual", num_classes=num_classes)
    classes = np.array([0, num_classes - 1, 1])
    np.testing.assert_allclose(
        activation_maps.activation_maps(net, films, classes),
        gradient_maps(net, films, classes),
        atol=2e-6,
    )


@pytest.mark.parametrize("name", AVERAGED)
def test_closed_form_equals_gradients_of_every_family(nets, films, name):
    parts = network_parts.split(nets(name))
    assert parts.is_average()
    features = parts.features(films)
    classes = np.array([0, 1, 1])
    closed = activation_maps._place_sums(parts, features, classes).numpy()
    gradient = activation_maps._place_sums_by_gradient(
        parts, features, activation_maps._contrast(parts.head, classes)
    ).numpy()
    num_places = features.shape[1] * features.shape[2]
    scale = np.abs(closed).max()
    assert scale > 0
    np.testing.assert_allclose(
        closed / scale, num_places * gradient / scale, atol=2e-6
    )


@pytest.mark.parametrize("name", (*AVERAGED, *OTHERS))
def test_map_is_of_the_model_finite_and_not_constant(nets, films, name):
    net = nets(name)
    parts = network_parts.split(net)
    features = parts.features(films)
    x = features
    for layer in parts.neck:
        x = layer(x)
    # The parts, put together again.
    probabilities = net(films, training=False).numpy()
    np.testing.assert_allclose(parts.head(x), probabilities, atol=1e-6)
    if name != "ConvNeXtTiny":  # Its normalisation is not linear.
        # What the places say adds up to what the network says.
        odds = np.log(probabilities[:, 1] / probabilities[:, 0])
        ones = np.ones(3, int)
        sums = activation_maps._place_sums(parts, features, ones).numpy()
        bias = parts.head.bias.numpy() @ (-1, 1)
        total = sums.mean((1, 2)) if parts.is_average() else sums.sum((1, 2))
        np.testing.assert_allclose(total + bias, odds, rtol=1e-3, atol=1e-5)

    maps = [activation_maps.activation_maps(net, films, k) for k in (0, 1)]
    for each in maps:
        assert each.shape == (3, SIZE, SIZE)
        assert each.dtype == np.float32
        assert each.min() >= 0
        assert each.max() <= 1
    # What speaks for one class speaks against the other.
    for of_image in np.stack(maps, axis=1):
        assert np.ptp(of_image, axis=(1, 2)).max() > 0.01
        assert of_image.max() == pytest.approx(1)


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_goes_through_the_scaling_of_the_network(nets, rng, channels):
    """Channels are reversed and left out by operations that are no layers."""
    net = nets("VGG16", channels=channels)
    films = rng.random((2, SIZE, SIZE, channels)).astype(np.float32)
    parts = network_parts.split(net)
    x = parts.features(films)
    for layer in parts.neck:
        x = layer(x)
    np.testing.assert_allclose(parts.head(x), net(films), atol=1e-6)


@pytest.mark.parametrize("name", ["residual", "lesson", "MobileNet"])
def test_maps_change_when_the_last_layers_are_randomised(films, name):
    """Sanity check of Adebayo et al. 2018 (https://arxiv.org/abs/1810.03292).

    A map that stays as it is shows edges of the film, not the network.
    """
    keras.utils.set_random_seed(7)
    net = model_lib.build_model(name, (SIZE, SIZE, 1), 2)
    before = activation_maps.activation_maps(net, films, 1)
    kernel = net.layers[-1].kernel
    noise = np.random.default_rng(2).normal(size=kernel.shape)
    kernel.assign(noise * np.std(kernel.numpy()))
    after = activation_maps.activation_maps(net, films, 1)
    assert np.abs(after - before).mean() > 0.05


def plant_blobs(rng, number, size, blob):
    """Returns dark noise, each film with a bright square, and their corners."""
    films = rng.uniform(0, 0.3, (number, size, size, 1)).astype(np.float32)
    corners = rng.integers(size // 8, size - blob - size // 8, (number, 2))
    for film, (row, column) in zip(films, corners):
        film[row : row + blob, column : column + blob] += 0.6
    return films, corners


def count_found(maps, corners, blob, tolerance):
    """Counts maps whose highest place is a blob's middle, within pixels."""
    middles = corners + blob / 2
    highest = np.array([np.unravel_index(m.argmax(), m.shape) for m in maps])
    return np.all(np.abs(highest - middles) < tolerance, axis=1).sum()


def test_planted_blob_is_found_by_a_trained_network():
    rng = np.random.default_rng(4)
    size, blob = 64, 16
    films, corners = plant_blobs(rng, 64, size, blob)
    empty = rng.uniform(0, 0.3, films.shape).astype(np.float32)
    keras.utils.set_random_seed(1)
    net = keras.Sequential(
        [
            keras.Input((size, size, 1)),
            layers.Conv2D(8, 5, strides=4, padding="same", activation="relu"),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    net.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    labels = np.repeat([1, 0], 64)
    net.fit(np.concatenate([films, empty]), labels, epochs=10, verbose=0)
    maps = activation_maps.activation_maps(net, films, 1)
    # By chance it would be 1 of 16.
    assert count_found(maps, corners, blob, tolerance=blob / 2) >= 58


def test_planted_blob_is_found_where_the_head_flattens(rng):
    """The lesson's network with weights by which it sums brightness."""
    films, corners = plant_blobs(rng, 20, 256, 60)
    net = model_lib.build_model("lesson", (256, 256, 1), 2)
    for layer in net.layers:
        for weight in layer.weights:
            weight.assign(np.full(weight.shape, 0.01))
    net.layers[-1].kernel.assign(np.tile([-1.0, 1.0], (7 * 7 * 4, 1)))
    maps = activation_maps.activation_maps(net, films, 1)
    # A place is 30 pixels wide.
    assert count_found(maps, corners, 60, tolerance=40) == 20
    # Nothing speaks for the other class.
    assert not activation_maps.activation_maps(net, films, 0).any()


def test_more_images_than_fit_at_once_give_the_maps_of_each(nets, rng):
    films = rng.random((35, SIZE, SIZE, 1)).astype(np.float32)
    classes = np.arange(35) % 2
    maps = activation_maps.activation_maps(nets("lesson"), films, classes)
    assert maps.shape == (35, SIZE, SIZE)
    for index in (0, 16, 34):
        (alone,) = activation_maps.activation_maps(
            nets("lesson"), films[index : index + 1], int(classes[index])
        )
        np.testing.assert_allclose(maps[index], alone, atol=1e-5)
    none = activation_maps.activation_maps(nets("lesson"), films[:0], 1)
    assert none.shape == (0, SIZE, SIZE)


def test_reloaded_model_gives_the_same_maps(nets, films, tmp_path):
    net = nets("MobileNet")
    net.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(
        activation_maps.activation_maps(net, films, 1),
        activation_maps.activation_maps(again, films, 1),
    )


@pytest.mark.parametrize(
    "shape, class_index, name",
    [
        ((2, SIZE, SIZE), 0, "`images`"),
        ((2, SIZE, SIZE, 3), 0, "`images`"),
        ((2, SIZE, SIZE, 1), 2, "`class_index`"),
        ((2, SIZE, SIZE, 1), -1, "`class_index`"),
        ((2, SIZE, SIZE, 1), [0, 1, 1], "`class_index`"),
        ((2, SIZE, SIZE, 1), 0.5, "`class_index`"),
    ],
)
def test_bad_arguments_are_refused(nets, shape, class_index, name):
    with pytest.raises(ValueError, match=f"{name} must .*Received"):
        activation_maps.activation_maps(
            nets("lesson"), np.zeros(shape, np.float32), class_index
        )


def test_network_without_places_is_refused():
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(inputs)
    net = keras.Model(inputs, layers.Softmax()(layers.Dense(2)(x)))
    with pytest.raises(ValueError, match="`model` must end in a dense layer"):
        activation_maps.activation_maps(net, np.zeros((1, 8, 8, 1)), 0)


def test_network_with_a_second_path_is_refused():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(2, 3)(inputs)
    both = [layers.GlobalAveragePooling2D()(x), layers.Flatten()(inputs)]
    x = layers.Concatenate()(both)
    net = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    with pytest.raises(ValueError, match="`model` must have one path"):
        activation_maps.activation_maps(net, np.zeros((1, 8, 8, 1)), 0)
