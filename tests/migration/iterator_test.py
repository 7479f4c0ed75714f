"""What all flows are to their users, beside Keras's live iterator."""

from concurrent import futures
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import migration
import pipeline
from tests.helpers import image_trees
from tests.helpers import keras_flows

legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)

_OPTIONS = {
    "target_size": (12, 10),
    "color_mode": "grayscale",
    "batch_size": 4,
    "seed": 7,
}
_AUGMENT = {"rescale": 1 / 255, "rotation_range": 20, "horizontal_flip": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("flow")
    names = [f"{label}/{i}.jpg" for label in ("a", "b") for i in range(7)]
    image_trees.write_images(root, names, size=(30, 40))
    return root


def make_flow(folder, augment=_AUGMENT, **options):
    return migration.flow_from_directory(
        pipeline.AugmentConfig(**augment), folder, **(_OPTIONS | options)
    )


def make_graph(flow, options):
    """Returns the pipeline's own dataset of the batches of a flow."""
    options = {"batch_size": 4, "seed": 7} | options
    options["label_mode"] = options.pop("class_mode", "categorical")
    config = pipeline.AugmentConfig(**options.pop("augment", _AUGMENT))
    return pipeline.make_train_dataset(flow.split, "all", config, **options)


def assert_equal(actual, expected):
    tf.nest.map_structure(np.testing.assert_array_equal, actual, expected)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_flow_has_what_the_iterator_of_keras_has(folder, data_format):
    generator = legacy_image.ImageDataGenerator(
        data_format=data_format, validation_split=0.3, dtype="float16"
    )
    options = _OPTIONS | {"class_mode": "binary", "subset": "training"}
    theirs = generator.flow_from_directory(str(folder), **options)
    ours = migration.flow_from_directory(generator, folder, **options)
    next(theirs), next(ours)
    differ = {
        # Ours is the `pipeline.Split`.
        "split",
        # The same kind of thing, but its own.
        "dataset",
        "index_array",
        "lock",
        "workers",
    }
    keras_flows.assert_same_attributes(ours, theirs, differ=differ)
    assert isinstance(ours, keras.utils.PyDataset)
    assert ours.index_array.dtype == theirs.index_array.dtype
    assert sorted(ours.index_array) == sorted(theirs.index_array)


def test_flow_says_what_is_missing(folder):
    flow = make_flow(folder)
    with pytest.raises(AttributeError, match="'save_to_dir': nothing is saved"):
        flow.save_to_dir
    with pytest.raises(AttributeError, match="has no attribute 'sample'$"):
        flow.sample


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shuffle", False),
        ("batch_size", 1),
        ("classes", np.zeros(14)),
        ("index_array", np.arange(14)),
    ],
)
def test_what_batches_were_made_for_cannot_be_set(folder, name, value):
    flow = make_flow(folder)
    with pytest.raises(AttributeError, match=f"`{name}`.* another flow"):
        setattr(flow, name, value)
    flow.own = flow.workers = flow.batch_index = 1
    flow.own = flow.workers = flow.batch_index = 2
    first = flow[0]
    # As some do before `predict`, and a new epoch begins.
    flow.index_array = None
    assert not np.array_equal(flow[0][0], first[0])


@pytest.mark.parametrize("class_mode", ["categorical", "sparse", "input", None])
def test_batches_by_index_and_by_next_equal_those_of_keras(folder, class_mode):
    generator = legacy_image.ImageDataGenerator(samplewise_center=True)
    options = _OPTIONS | {"class_mode": class_mode, "shuffle": False}
    theirs = generator.flow_from_directory(folder, **options)
    ours = migration.flow_from_directory(generator, folder, **options)
    for step in range(len(theirs)):
        for actual, expected in (
            (ours[step], theirs[step]),
            (next(ours), next(theirs)),
        ):
            if class_mode is None:
                actual, expected = (actual,), (expected,)
            for a, e in zip(actual, expected, strict=True):
                assert type(a) is type(e)
                assert a.dtype == e.dtype
                np.testing.assert_allclose(a, e, atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"class_mode": None, "shuffle": False},
        {"class_mode": "input"},
        {"remainder": "drop"},
        {"remainder": "pad", "class_mode": "binary"},
        {"sample_weight": True, "sampling": "balanced"},
        {"jit_compile": False, "epoch": 3},
        {"augment": _AUGMENT | {"data_format": "channels_first"}},
        {
            "augment": {
                "preprocessing_function": (
                    tf.image.stateless_random_flip_left_right
                )
            }
        },
    ],
    ids=(
        "defaults unlabelled input drop pad balanced uncompiled "
        "channels_first random_function"
    ).split(),
)
def test_epochs_equal_the_passes_of_the_dataset(folder, options):
    flow = make_flow(folder, **options)
    graph = make_graph(flow, options)
    assert flow.dataset.element_spec == graph.element_spec
    assert flow.dataset.cardinality() == graph.cardinality()
    passes = [list(graph.as_numpy_iterator()) for _ in range(2)]
    assert len(flow) == len(passes[0])
    for expected in passes:
        actual = list(flow.dataset.as_numpy_iterator())
        assert len(actual) == len(expected)
        for batch, other in zip(actual, expected):
            assert_equal(batch, other)
    for expected in itertools.chain(*passes):
        assert_equal(next(flow), expected)
    for step, expected in reversed(list(enumerate(passes[1]))):
        assert_equal(flow[step], expected)


def test_index_array_says_which_files_are_in_a_batch(folder):
    flow = make_flow(folder, augment={}, class_mode="sparse")
    for _ in range(3):
        orders = []
        for step in range(len(flow)):
            images, labels = next(flow)
            numbers = flow.index_array[4 * step : 4 * step + 4]
            np.testing.assert_array_equal(labels, flow.classes[numbers])
            np.testing.assert_array_equal(
                images, flow.split.images.numpy()[numbers]
            )
            orders.append(numbers)
        assert sorted(np.concatenate(orders)) == list(range(14))


def test_iteration_has_no_end_and_reset_begins_a_new_epoch(folder):
    flow = make_flow(folder, shuffle=False, augment={}, class_mode=None)
    epoch = [flow[step] for step in range(len(flow))]
    for batch, expected in zip(flow, epoch * 3):
        np.testing.assert_array_equal(batch, expected)
    flow.reset()
    assert flow.batch_index == 0
    np.testing.assert_array_equal(next(flow), epoch[0])
    assert flow.batch_index == 1


def test_epoch_end_brings_a_new_order_also_by_index(folder):
    flow = make_flow(folder)
    assert flow.index_array is None
    flow[0]
    first = flow.index_array
    flow[1]
    np.testing.assert_array_equal(flow.index_array, first)
    flow.on_epoch_end()
    assert not np.array_equal(flow.index_array, first)


@pytest.mark.parametrize("index", [-1, 4, 100])
def test_index_beyond_the_batches_is_refused(folder, index):
    with pytest.raises(ValueError, match=f"from 0 to 3.*index={index}"):
        make_flow(folder)[index]


def test_threads_get_the_batches_that_one_gets(folder):
    flow = make_flow(folder)
    steps = list(range(len(flow))) * 5
    with futures.ThreadPoolExecutor(4) as executor:
        batches = list(executor.map(flow.__getitem__, steps))
    for step, batch in zip(steps, batches):
        assert_equal(batch, flow[step])


def test_options_that_only_a_dataset_heeds_are_named(folder):
    flow = make_flow(folder, augment_on="device", num_parallel_calls=1)
    assert set(next(iter(flow.dataset))[0]) == {"image", "params"}
    with pytest.raises(ValueError, match="`augment_on`.*`flow.dataset`"):
        next(flow)
    with pytest.raises(ValueError, match="`augment_on`.*`flow.dataset`"):
        flow[0]


def _model(flow):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input(flow.image_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(flow.num_classes, activation="softmax"),
        ]
    )
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("workers", [None, 1])
def test_model_trains_on_the_flow_as_on_the_dataset(folder, workers):
    flow = make_flow(folder, augment={"rescale": 1 / 255}, shuffle=False)
    if workers:
        flow.workers = workers
    # Keras shuffles the batches of what is not a dataset, by default.
    options = {"epochs": 3, "verbose": 0, "shuffle": False}
    kept = {"x": flow.dataset.repeat(), "steps_per_epoch": len(flow)}
    losses = [
        _model(flow)
        .fit(**data, class_weight={0: 1.0, 1: 3.0}, **options)
        .history["loss"]
        for data in ({"x": flow}, {"x": flow.dataset}, kept)
    ]
    np.testing.assert_allclose(losses, losses[:1] * 3, rtol=1e-4)


def test_each_epoch_of_training_is_another(folder):
    flow = make_flow(folder)
    seen = []
    make = flow._batches.make

    def note(epoch, step):
        seen.append((tuple(flow._batches.order(epoch)), step))
        return make(epoch, step)

    object.__setattr__(flow._batches, "make", note)
    _model(flow).fit(flow, epochs=3, verbose=0)
    orders = {order for order, _ in seen}
    whole = [
        order
        for order in orders
        if {step for other, step in seen if other == order} == {0, 1, 2, 3}
    ]
    assert len(whole) == 3


def test_evaluate_and_predict_keep_the_order_of_the_files(folder):
    flow = make_flow(folder, augment={"rescale": 1 / 255}, shuffle=False)
    model = _model(flow)
    np.testing.assert_allclose(
        model.evaluate(flow, verbose=0),
        model.evaluate(flow.dataset, verbose=0),
        rtol=1e-5,
    )
    expected = model.predict(flow.split.images.numpy() / 255, verbose=0)
    for _ in range(2):
        np.testing.assert_allclose(
            model.predict(flow, verbose=0), expected, rtol=1e-4
        )
