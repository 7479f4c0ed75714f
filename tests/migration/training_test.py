"""Models are fitted, evaluated and asked on flows as on Keras's iterators."""

import keras
import numpy as np
import pytest

import migration
import pipeline
from tests.helpers import image_tables

legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)


class _Tuples(keras.utils.PyDataset):
    """Batches of Keras's iterator with tuples for lists, which `fit` takes."""

    def __init__(self, flow):
        super().__init__()
        self._flow = flow

    def __len__(self):
        return len(self._flow)

    def __getitem__(self, index):
        return tuple(
            tuple(part) if isinstance(part, list) else part
            for part in self._flow[index]
        )


def _model(flow, outputs=1, units=2, loss="categorical_crossentropy"):
    keras.utils.set_random_seed(0)
    image = keras.layers.Input(flow.image_shape)
    flat = keras.layers.Flatten()(image)
    ends = [keras.layers.Dense(units)(flat) for _ in range(outputs)]
    model = keras.Model(image, ends if outputs > 1 else ends[0])
    model.compile(keras.optimizers.SGD(1e-9), loss)
    return model


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({}, {}),
        ({"weight_col": "weight"}, {}),
        ({"y_col": "findings"}, {"units": 3, "loss": "binary_crossentropy"}),
        (
            {"y_col": "age", "class_mode": "raw", "weight_col": "weight"},
            {"units": 1, "loss": "mse"},
        ),
        (
            {"y_col": ["age", "weight"], "class_mode": "multi_output"},
            {"outputs": 2, "units": 1, "loss": ["mse", "mse"]},
        ),
    ],
    ids=["plain", "weighted", "several labels", "raw", "multi_output"],
)
def test_model_is_fitted_and_evaluated_as_with_keras(
    image_folder, options, model
):
    generator = legacy_image.ImageDataGenerator(rescale=1 / 255)
    options = {
        "target_size": (9, 7),
        "batch_size": 3,
        "shuffle": False,
    } | options
    theirs = generator.flow_from_dataframe(
        image_tables.make_frame(), image_folder, **options
    )
    ours = migration.flow_from_dataframe(
        generator, image_tables.make_frame(), image_folder, **options
    )
    losses = [
        _model(ours, **model)
        .fit(data, epochs=2, shuffle=False, verbose=0)
        .history["loss"]
        for data in (_Tuples(theirs), ours, ours.dataset)
    ]
    np.testing.assert_allclose(losses[1:], losses[:1] * 2, rtol=1e-4)
    network = _model(ours, **model)
    expected = network.evaluate(_Tuples(theirs), verbose=0)
    np.testing.assert_allclose(
        network.evaluate(ours, verbose=0), expected, rtol=1e-4
    )


def test_class_weights_are_heeded_and_not_beside_sample_weights(image_folder):
    generator = legacy_image.ImageDataGenerator(rescale=1 / 255)
    options = {"target_size": (9, 7), "batch_size": 3, "shuffle": False}
    fit = {"class_weight": {0: 1.0, 1: 7.0}, "shuffle": False, "verbose": 0}
    flows = [
        generator.flow_from_dataframe(
            image_tables.make_frame(), image_folder, **options
        ),
        migration.flow_from_dataframe(
            generator, image_tables.make_frame(), image_folder, **options
        ),
    ]
    losses = [
        _model(flows[1]).fit(data, **fit).history["loss"]
        for data in (*flows, flows[1].dataset)
    ]
    np.testing.assert_allclose(losses[1:], losses[:1] * 2, rtol=1e-4)
    weighted = migration.flow_from_dataframe(
        generator,
        image_tables.make_frame(),
        image_folder,
        weight_col="weight",
        **options
    )
    with pytest.raises(ValueError, match="class_weight"):
        _model(weighted).fit(weighted, **fit)


def test_forked_processes_would_hang_and_are_refused():
    """Those of Keras's iterators, which need no TensorFlow, do not."""
    flow = migration.flow(pipeline.AugmentConfig(), np.zeros((4, 5, 5, 1)))
    with pytest.raises(AttributeError, match="`use_multiprocessing`.*threads"):
        flow.use_multiprocessing = True
    flow.use_multiprocessing = False
    assert flow.use_multiprocessing is False


def _two_inputs():
    image = keras.layers.Input((4, 5, 1))
    age = keras.layers.Input((1,))
    flat = keras.layers.Flatten()(image)
    ends = keras.layers.Concatenate()([flat, age])
    model = keras.Model([image, age], keras.layers.Dense(1)(ends))
    model.compile(keras.optimizers.SGD(1e-9), "mse")
    return model


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_model_of_two_inputs_is_fitted_evaluated_and_asked():
    rng = np.random.default_rng(0)
    x = rng.random((10, 4, 5, 1), np.float32)
    ages, y = rng.random((2, 10, 1), np.float32)
    weights = rng.random(10, np.float32)
    keras.utils.set_random_seed(0)
    model = _two_inputs()
    expected = model.evaluate((x, ages), y, sample_weight=weights, verbose=0)
    flow = migration.flow(
        pipeline.AugmentConfig(),
        (x, ages),
        y,
        sample_weight=weights,
        batch_size=4,
        shuffle=False,
    )
    for data in (flow, flow.dataset):
        history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
        np.testing.assert_allclose(history["loss"], expected, rtol=1e-4)
        np.testing.assert_allclose(
            model.evaluate(data, verbose=0), expected, rtol=1e-4
        )
    unlabelled = migration.flow(
        pipeline.AugmentConfig(), (x, ages), batch_size=4, shuffle=False
    )
    np.testing.assert_allclose(
        model.predict(unlabelled.dataset, verbose=0),
        model.predict((x, ages), verbose=0),
        rtol=1e-4,
    )
