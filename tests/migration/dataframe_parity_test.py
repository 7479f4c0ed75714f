"""`flow_from_dataframe`, beside Keras's live iterator, over random tables."""

import math
import warnings

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

import migration
from migration import columns as columns_lib
from migration import table as table_lib
from tests.helpers import image_tables
from tests.helpers import keras_flows

pd = pytest.importorskip("pandas")
legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)

_CLASS_MODES = (
    *("binary", "categorical", "input", "multi_output", "raw", "sparse"),
    None,
)
_OTHERS = ("missing.png", "text.txt", "deep", *image_tables.FILMS)
_WARNINGS = ("invalid image filename", "`classes`")

_SETTINGS = hypothesis.settings(
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


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
def _tables(draw, image_folder, names=image_tables.IMAGES + _OTHERS):
    """Draws a frame, and arguments that go with it."""
    size = draw(st.integers(1, 9))
    absolute = draw(st.booleans())
    path = st.sampled_from(names)
    if absolute:
        path = path.map(lambda name: str(image_folder / name))
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
        "directory": (
            None if absolute and draw(st.booleans()) else str(image_folder)
        ),
        "x_col": "file",
        "y_col": y_col,
        "weight_col": draw(st.sampled_from([None, "share", "age", "file"])),
        "classes": draw(st.one_of(st.none(), classes)),
        "class_mode": mode,
        "subset": draw(st.sampled_from([None, "training", "validation"])),
        "validate_filenames": draw(st.booleans()),
    }


def _list(frame, directory, validation_split, **options):
    columns = columns_lib.Columns(
        *(options.pop(name) for name in ("x_col", "y_col", "weight_col")),
        *(options.pop(name) for name in ("class_mode", "classes")),
    )
    return table_lib.list_dataframe(
        frame, directory, columns, validation_split=validation_split, **options
    )


@hypothesis.settings(_SETTINGS, max_examples=400)
@hypothesis.given(data=st.data())
def test_rows_labels_and_weights_are_those_of_keras(image_folder, capsys, data):
    frame, options = data.draw(_tables(image_folder))
    share = data.draw(st.sampled_from([0.0, 0.29, 0.5, 0.9]))
    generator = legacy_image.ImageDataGenerator(validation_split=share)
    before = frame.copy(deep=True)
    theirs, their_warnings = keras_flows.attempt(
        lambda: generator.flow_from_dataframe(frame, **options), *_WARNINGS
    )
    ours, our_warnings = keras_flows.attempt(
        lambda: _list(frame, validation_split=share, **options), *_WARNINGS
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


@hypothesis.settings(_SETTINGS, max_examples=25)
@hypothesis.given(data=st.data())
def test_batches_are_those_of_keras(image_folder, capsys, data):
    readable = image_tables.IMAGES + image_tables.FILMS
    frame, options = data.draw(_tables(image_folder, readable))
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
    theirs, _ = keras_flows.attempt(
        lambda: generator.flow_from_dataframe(frame, **options), *_WARNINGS
    )
    hypothesis.assume(not isinstance(theirs, Exception))
    hypothesis.assume(theirs.samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = migration.flow_from_dataframe(
            generator, frame, **options, jit_compile=False
        )
    keras_flows.assert_same_batches(ours, theirs, atol=0.13)


@pytest.mark.parametrize("class_mode", _CLASS_MODES)
def test_flow_has_what_the_iterator_of_keras_has(image_folder, class_mode):
    frame = pd.DataFrame(
        {"file": ["a.png", "b.jpg"], "label": ["x", "y"], "n": [1.0, 2.0]}
    )
    generator = legacy_image.ImageDataGenerator()
    options = {
        "directory": str(image_folder),
        "x_col": "file",
        "y_col": ["n"] if class_mode == "multi_output" else "label",
        "class_mode": class_mode,
        "weight_col": "n",
    }
    theirs = generator.flow_from_dataframe(frame, **options)
    ours = migration.flow_from_dataframe(generator, frame, **options)
    keras_flows.assert_same_attributes(
        ours, theirs, differ={"split", "lock", "seed"}
    )
    if class_mode in ("input", None):
        with pytest.raises(AttributeError, match="there are no classes"):
            ours.class_indices
