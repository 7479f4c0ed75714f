"""`flow_from_dataframe`, beside Keras's live iterator, over random tables."""

import builtins
import math
import os
import warnings

from PIL import Image
import hypothesis
from hypothesis import strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf

import migration
from migration import table as table_lib
import pipeline
from tests.helpers import image_trees

pd = pytest.importorskip("pandas")
legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)

_CLASS_MODES = (
    *("binary", "categorical", "input", "multi_output", "raw", "sparse"),
    None,
)
_IMAGES = ("a.png", "b.jpg", "UP.PNG", "deep/c.png", "notapng")
_OTHERS = ("missing.png", "text.txt", "deep", "film.gif", "film.webp")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("table")
    image_trees.write_images(root, [n for n in _IMAGES if "." in n])
    Image.new("L", (48, 40), 9).save(root / "notapng", "PNG")
    (root / "text.txt").write_text("no image")
    for name in ("film.gif", "film.webp"):
        rng = np.random.default_rng(len(name))
        pixels = rng.integers(0, 256, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).save(root / name, lossless=True)
    return root


def _cells(draw, kind, size):
    """Draws a column of labels."""
    name = st.sampled_from(["sick", "well", "Other", "b", ""])
    some = st.lists(name, max_size=3)
    values = {
        "names": name,
        "two names": st.sampled_from(["sick", "well"]),
        "lists": st.one_of(name, some, some.map(tuple)),
        "numbers": st.integers(-3, 300),
        "missing": st.one_of(name, st.none(), st.just(math.nan)),
    }[kind]
    return draw(st.lists(values, min_size=size, max_size=size))


@st.composite
def _tables(draw, folder, names=_IMAGES + _OTHERS):
    """Draws a frame, and arguments that go with it."""
    size = draw(st.integers(1, 9))
    absolute = draw(st.booleans())
    path = st.sampled_from(names)
    if absolute:
        path = path.map(lambda name: str(folder / name))
    kind = draw(
        st.sampled_from(
            ["names", "two names", "two names", "lists", "numbers", "missing"]
        )
    )
    numbers = st.lists(st.integers(0, 9), min_size=size, max_size=size)
    frame = pd.DataFrame(
        {
            "file": draw(st.lists(path, min_size=size, max_size=size)),
            "label": pd.Series(_cells(draw, kind, size), dtype=object),
            "age": draw(numbers),
            "share": np.array(draw(numbers)) / 8,
        },
        # Rows that were sorted or filtered keep their numbers.
        index=draw(st.permutations(range(size))),
    )
    if kind == "names" and draw(st.booleans()):
        frame["label"] = frame["label"].astype("category")
    mode = draw(st.sampled_from(_CLASS_MODES))
    y_col = "label"
    if mode == "multi_output":
        y_col = draw(st.sampled_from([["age", "share"], ["age"], "age"]))
    if mode == "raw":
        y_col = draw(st.sampled_from(["age", "share", ["age", "share"]]))
    classes = st.lists(st.sampled_from(["well", "sick", "none", "sick"]))
    return frame, {
        "directory": None if absolute and draw(st.booleans()) else str(folder),
        "x_col": "file",
        "y_col": y_col,
        "weight_col": draw(st.sampled_from([None, "share", "age", "file"])),
        "classes": draw(st.one_of(st.none(), classes)),
        "class_mode": mode,
        "subset": draw(st.sampled_from([None, "training", "validation"])),
        "validate_filenames": draw(st.booleans()),
    }


def _attempt(function):
    """Returns what a call gives or the error, and which warnings it raises."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function()
        except (TypeError, ValueError) as error:
            result = error
    told = [str(warning.message) for warning in caught]
    kinds = ("invalid image filename", "`classes`")
    return result, [sum(kind in text for text in told) for kind in kinds]


def _list(frame, directory, validation_split, **options):
    columns = table_lib.Columns(
        *(options.pop(name) for name in ("x_col", "y_col", "weight_col")),
        *(options.pop(name) for name in ("class_mode", "classes")),
    )
    return table_lib.list_dataframe(
        frame, directory, columns, validation_split=validation_split, **options
    )


@hypothesis.settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(data=st.data())
def test_rows_labels_and_weights_are_those_of_keras(folder, capsys, data):
    frame, options = data.draw(_tables(folder))
    share = data.draw(st.sampled_from([0.0, 0.29, 0.5, 0.9]))
    generator = legacy_image.ImageDataGenerator(validation_split=share)
    before = frame.copy(deep=True)
    theirs, their_warnings = _attempt(
        lambda: generator.flow_from_dataframe(frame, **options)
    )
    ours, our_warnings = _attempt(
        lambda: _list(frame, validation_split=share, **options)
    )
    pd.testing.assert_frame_equal(frame, before)
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), (ours, theirs)
        assert "Received: " in str(ours)
        return
    assert not isinstance(ours, Exception), ours
    assert our_warnings == their_warnings
    assert list(ours.filenames) == theirs.filenames
    assert list(ours.filepaths) == theirs.filepaths
    assert ours.class_indices == getattr(theirs, "class_indices", None)
    assert ours.classes == getattr(theirs, "classes", None)
    targets = getattr(theirs, "_targets", None)
    assert (ours.targets is None) == (targets is None)
    for actual, expected in zip(
        [*np.atleast_1d(ours.targets)] if targets is not None else (),
        [*np.atleast_1d(targets)] if targets is not None else (),
    ):
        np.testing.assert_array_equal(actual, expected)
    assert (ours.weights is None) == (theirs.sample_weight is None)
    if ours.weights is not None:
        np.testing.assert_array_equal(ours.weights, theirs.sample_weight)
        assert ours.weights.dtype == theirs.sample_weight.dtype


def _flatten(batch):
    return tf.nest.flatten(batch)


@hypothesis.settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(data=st.data())
def test_batches_are_those_of_keras(folder, capsys, data):
    readable = (*_IMAGES, "film.gif", "film.webp")
    frame, options = data.draw(_tables(folder, readable))
    options |= {
        "target_size": (9, 7),
        "color_mode": data.draw(st.sampled_from(["grayscale", "rgb"])),
        "batch_size": data.draw(st.integers(1, 4)),
        "shuffle": False,
    }
    generator = legacy_image.ImageDataGenerator(
        validation_split=0.4,
        samplewise_center=True,
        dtype=data.draw(st.sampled_from(["float32", "float16", "float64"])),
    )
    theirs, _ = _attempt(
        lambda: generator.flow_from_dataframe(frame, **options)
    )
    hypothesis.assume(not isinstance(theirs, Exception))
    hypothesis.assume(theirs.samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = migration.flow_from_dataframe(
            generator, frame, **options, jit_compile=False
        )
    assert len(ours) == len(theirs)
    for step, element in enumerate(ours.dataset):
        expected = theirs[step]
        for actual in (ours[step], next(ours)):
            assert type(actual) is type(expected)
            assert len(actual) == len(expected)
            for a, e in zip(_flatten(actual), _flatten(expected), strict=True):
                assert a.dtype == e.dtype
                np.testing.assert_allclose(a, e, atol=0.13)
        for a, e in zip(_flatten(element), _flatten(expected), strict=True):
            np.testing.assert_allclose(a.numpy(), e, atol=0.13)


@pytest.mark.parametrize("class_mode", _CLASS_MODES)
def test_flow_has_what_the_iterator_of_keras_has(folder, class_mode):
    frame = pd.DataFrame(
        {"file": ["a.png", "b.jpg"], "label": ["x", "y"], "n": [1.0, 2.0]}
    )
    generator = legacy_image.ImageDataGenerator()
    options = {
        "directory": str(folder),
        "x_col": "file",
        "y_col": ["n"] if class_mode == "multi_output" else "label",
        "class_mode": class_mode,
        "weight_col": "n",
    }
    theirs = generator.flow_from_dataframe(frame, **options)
    ours = migration.flow_from_dataframe(generator, frame, **options)
    for name in dir(theirs):
        try:
            value = getattr(theirs, name)
        except AttributeError:
            continue
        if name.startswith("_") or callable(value):
            continue
        try:
            actual = getattr(ours, name)
        except AttributeError as error:
            assert f"{name!r}: " in str(error)  # and the reason
            continue
        if name not in ("split", "lock", "seed"):
            np.testing.assert_array_equal(actual, value, name)
            assert isinstance(actual, type(value)), name
    if class_mode in ("input", None):
        with pytest.raises(AttributeError, match="there are no classes"):
            ours.class_indices


def _frame(count=8):
    return pd.DataFrame(
        {
            "filename": [_IMAGES[i % 5] for i in range(count)],
            "class": [["sick", "well"][i % 2] for i in range(count)],
            "findings": [["a"], ["b", "a"], [], ["c"]] * (count // 4),
            "age": np.arange(count, dtype=float),
            "weight": np.linspace(0.5, 4, count),
        }
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
def test_model_is_fitted_and_evaluated_as_with_keras(folder, options, model):
    generator = legacy_image.ImageDataGenerator(rescale=1 / 255)
    options = {
        "target_size": (9, 7),
        "batch_size": 3,
        "shuffle": False,
    } | options
    theirs = generator.flow_from_dataframe(_frame(), folder, **options)
    ours = migration.flow_from_dataframe(generator, _frame(), folder, **options)
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


def test_class_weights_are_heeded_and_not_beside_sample_weights(folder):
    generator = legacy_image.ImageDataGenerator(rescale=1 / 255)
    options = {"target_size": (9, 7), "batch_size": 3, "shuffle": False}
    fit = {"class_weight": {0: 1.0, 1: 7.0}, "shuffle": False, "verbose": 0}
    flows = [
        generator.flow_from_dataframe(_frame(), folder, **options),
        migration.flow_from_dataframe(generator, _frame(), folder, **options),
    ]
    losses = [
        _model(flows[1]).fit(data, **fit).history["loss"]
        for data in (*flows, flows[1].dataset)
    ]
    np.testing.assert_allclose(losses[1:], losses[:1] * 2, rtol=1e-4)
    weighted = migration.flow_from_dataframe(
        generator, _frame(), folder, weight_col="weight", **options
    )
    with pytest.raises(ValueError, match="class_weight"):
        _model(weighted).fit(weighted, **fit)


def test_shuffled_batches_keep_image_label_and_weight_together(folder):
    frame = _frame()
    flow = migration.flow_from_dataframe(
        pipeline.AugmentConfig(),
        frame,
        folder,
        y_col="age",
        weight_col="weight",
        class_mode="raw",
        target_size=(9, 7),
        batch_size=3,
        seed=1,
    )
    for _ in range(2):
        seen = []
        for _ in range(len(flow)):
            images, ages, weights = next(flow)
            numbers = ages.astype(int)
            np.testing.assert_array_equal(weights, frame["weight"][numbers])
            np.testing.assert_array_equal(
                images, flow.split.images.numpy()[numbers]
            )
            seen += list(numbers)
        assert seen != sorted(seen)
        assert sorted(seen) == list(range(8))


def test_padding_has_no_weight(folder):
    flow = migration.flow_from_dataframe(
        pipeline.AugmentConfig(),
        _frame(),
        folder,
        weight_col="weight",
        target_size=(9, 7),
        batch_size=5,
        shuffle=False,
        remainder="pad",
    )
    weights = np.concatenate([flow[step][2] for step in range(len(flow))])
    expected = np.concatenate([_frame()["weight"], [0, 0]])
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({}, {"x_col": "path"}, ValueError, "`x_col`.*filename.*x_col='path'"),
        ({}, {"y_col": "path"}, ValueError, "`y_col`.*y_col='path'"),
        ({}, {"weight_col": "w"}, ValueError, "`weight_col`.*weight_col='w'"),
        ({}, {"class_mode": "one"}, ValueError, "`class_mode` must be one of"),
        ({}, {"subset": "test"}, ValueError, "`subset` must be one of"),
        ({}, {"save_to_dir": "x"}, ValueError, "`save_to_dir` must be left"),
        ({}, {"y_col": "age"}, TypeError, "`y_col`.*astype.*0.0 in row 0"),
        ({"filename": 3}, {}, TypeError, "`x_col`.*Received: 3 in row 0"),
        ({}, {"weight_col": "class"}, TypeError, "`weight_col`.*numbers"),
        ({}, {"classes": ["none"]}, ValueError, "must have rows.*'none'"),
        ({"filename": "no.png"}, {}, ValueError, "must have rows.*looked for"),
        (
            {"filename": "no.png"},
            {"validate_filenames": False},
            ValueError,
            "Cannot decode .*no.png: No such file",
        ),
        ({}, {"batch_size": 0}, ValueError, "`batch_size` must be"),
        ({}, {"sampling": "even"}, ValueError, "`sampling` must be one of"),
        ({}, {"epoch": -1}, ValueError, "`epoch` must be an int of at least 0"),
        ({}, {"label_mode": None}, TypeError, "unexpected.*'label_mode'"),
        ({}, {"colour": 1}, TypeError, "unexpected keyword argument 'colour'"),
        (
            {},
            {"y_col": "findings", "sampling": "balanced"},
            ValueError,
            "`sampling` must be 'natural' where examples have no class each",
        ),
        (
            {},
            {"weight_col": "age", "augment_on": "device"},
            ValueError,
            "`augment_on` must be left out where batches hold more",
        ),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Found")
def test_what_is_wrong_is_named(folder, change, options, error, message):
    with pytest.raises(error, match=message):
        migration.flow_from_dataframe(
            pipeline.AugmentConfig(),
            _frame().assign(**change),
            folder,
            **options,
        )


def test_frame_must_be_one_of_pandas(folder, monkeypatch):
    for other in ({"filename": []}, str(folder / "table.csv"), None):
        with pytest.raises(TypeError, match="pandas.read_csv.*Received"):
            migration.flow_from_dataframe(pipeline.AugmentConfig(), other)
    real_import = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    frame = _frame()
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ValueError, match="pip install pandas"):
        migration.flow_from_dataframe(pipeline.AugmentConfig(), frame, folder)


def test_what_keras_no_longer_heeds_is_warned_of(folder):
    def make(**options):
        return migration.flow_from_dataframe(
            pipeline.AugmentConfig(), _frame(), folder, y_col="age", **options
        )

    with pytest.warns(DeprecationWarning, match="use class_mode='raw'"):
        assert make(class_mode="other").class_mode == "raw"
    for name in ("has_ext", "sort", "drop_duplicates"):
        with pytest.warns(DeprecationWarning, match=f"`{name}` is deprecated"):
            make(class_mode="raw", **{name: True})


def test_warning_names_the_first_file_that_is_left_out(folder):
    frame = _frame(4)
    frame.loc[2, "filename"] = "gone.png"
    with pytest.warns(UserWarning, match=r"Found 1 invalid.*gone\.png"):
        flow = migration.flow_from_dataframe(
            pipeline.AugmentConfig(), frame, folder
        )
    assert flow.filenames == ["a.png", "b.jpg", "deep/c.png"]
    assert flow.filepaths[2] == os.path.join(folder, "deep/c.png")
