"""`flow_from_dataframe`: its batches, what it refuses, what it warns of."""

import builtins
import os
import warnings

import numpy as np
import pytest

import migration
import pipeline
from tests.helpers import image_tables

pytest.importorskip("pandas")


def test_shuffled_batches_keep_image_label_and_weight_together(image_folder):
    frame = image_tables.make_frame()
    flow = migration.flow_from_dataframe(
        pipeline.AugmentConfig(),
        frame,
        image_folder,
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


def test_padding_has_no_weight(image_folder):
    flow = migration.flow_from_dataframe(
        pipeline.AugmentConfig(),
        image_tables.make_frame(),
        image_folder,
        weight_col="weight",
        target_size=(9, 7),
        batch_size=5,
        shuffle=False,
        remainder="pad",
    )
    weights = np.concatenate([flow[step][2] for step in range(len(flow))])
    expected = np.concatenate([image_tables.make_frame()["weight"], [0, 0]])
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
        ({}, {"x_col": ["filename"]}, TypeError, "`x_col`.*one column.*\\['f"),
        ({}, {"y_col": ["class"]}, TypeError, "`y_col`.*one column.*\\['cl"),
        ({}, {"weight_col": ["age"]}, TypeError, "`weight_col`.*one column"),
        (
            {"class": [[["a"]]] * 8},
            {},
            TypeError,
            "`y_col` must hold names.*Received: \\[\\['a'\\]\\] in row 0",
        ),
        (
            {"class": [[("a", ["b"])]] * 8},
            {},
            TypeError,
            "`y_col` must hold names.*Received: .*\\['b'\\].* in row 0",
        ),
        (
            {"class": [[1, "a"]] * 8},
            {},
            TypeError,
            "`y_col` must hold names.*sorted.*Received: int, str of y_col='cl",
        ),
        ({}, {"classes": ["none"]}, ValueError, "must have rows.*'none'"),
        ({}, {"classes": "sick"}, ValueError, "`classes` must be .*'sick'"),
        (
            {},
            {"subset": "validation"},
            ValueError,
            "must have rows.*validation_split=0.0",
        ),
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
def test_what_is_wrong_is_named(image_folder, change, options, error, message):
    with pytest.raises(error, match=message):
        migration.flow_from_dataframe(
            pipeline.AugmentConfig(),
            image_tables.make_frame().assign(**change),
            image_folder,
            **options,
        )


@pytest.mark.parametrize(
    ("argument", "mode"),
    [
        ("x_col", "categorical"),
        ("y_col", "categorical"),
        ("y_col", "multi_output"),
        ("weight_col", "categorical"),
    ],
)
def test_column_that_is_there_twice_is_named(image_folder, argument, mode):
    frame = image_tables.make_frame()
    name = {"x_col": "filename", "y_col": "class", "weight_col": "age"}
    frame.insert(0, name[argument], 1, allow_duplicates=True)
    value = [name[argument]] if mode == "multi_output" else name[argument]
    with pytest.raises(TypeError, match=f"`{argument}`.*there once.*Received"):
        migration.flow_from_dataframe(
            pipeline.AugmentConfig(),
            frame,
            image_folder,
            class_mode=mode,
            **{argument: value},
        )


def test_weights_that_are_not_used_are_told_of(image_folder):
    """Keras takes the name 0 for none, and trains without weights."""
    keras_image = pytest.importorskip("keras.src.legacy.preprocessing.image")
    frame = image_tables.make_frame().rename(columns={"weight": 0})
    generator = keras_image.ImageDataGenerator()
    options = {"directory": image_folder, "weight_col": 0}
    with pytest.warns(UserWarning, match="`weight_col` is not.*=0$") as caught:
        ours = migration.flow_from_dataframe(generator, frame, **options)
    assert {warning.filename for warning in caught} == {__file__}
    theirs = generator.flow_from_dataframe(frame, **options)
    assert len(ours[0]) == len(theirs[0]) == 2


@pytest.mark.parametrize("dtype", ["float64", "Int64"])
def test_weight_that_is_no_number_is_told_of(image_folder, dtype):
    frame = image_tables.make_frame().astype({"age": dtype})
    frame.loc[5, "age"] = None
    config = pipeline.AugmentConfig(validation_split=0.5)
    options = {"directory": image_folder, "weight_col": "age"}
    with pytest.warns(UserWarning, match="no number in row 5.*NaN") as caught:
        flow = migration.flow_from_dataframe(config, frame, **options)
    assert {warning.filename for warning in caught} == {__file__}
    assert list(np.isnan(flow.sample_weight.astype(float))).index(True) == 5
    # Rows that are not taken do not matter.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        migration.flow_from_dataframe(
            config, frame, subset="validation", **options
        )


def test_frame_must_be_one_of_pandas(image_folder, monkeypatch):
    for other in ({"filename": []}, str(image_folder / "table.csv"), None):
        with pytest.raises(TypeError, match="pandas.read_csv.*Received"):
            migration.flow_from_dataframe(pipeline.AugmentConfig(), other)
    real_import = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    frame = image_tables.make_frame()
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        ValueError, match=r"pip install 'xray-tfds\[dataframe\]'"
    ):
        migration.flow_from_dataframe(
            pipeline.AugmentConfig(), frame, image_folder
        )


def test_what_keras_no_longer_heeds_is_warned_of(image_folder):
    def make(**options):
        return migration.flow_from_dataframe(
            pipeline.AugmentConfig(),
            image_tables.make_frame(),
            image_folder,
            y_col="age",
            **options,
        )

    with pytest.warns(DeprecationWarning, match="use class_mode='raw'"):
        assert make(class_mode="other").class_mode == "raw"
    for name in ("has_ext", "sort", "drop_duplicates"):
        with pytest.warns(DeprecationWarning, match=f"`{name}` is deprecated"):
            make(class_mode="raw", **{name: True})


def test_warning_names_the_first_file_that_is_left_out(image_folder):
    frame = image_tables.make_frame(4)
    frame.loc[2, "filename"] = "gone.png"
    with pytest.warns(UserWarning, match=r"Found 1 invalid.*gone\.png"):
        flow = migration.flow_from_dataframe(
            pipeline.AugmentConfig(), frame, image_folder
        )
    assert flow.filenames == ["a.png", "b.jpg", "deep/c.png"]
    assert flow.filepaths[2] == os.path.join(image_folder, "deep/c.png")


def test_class_without_a_row_is_told_of(image_folder, caplog):
    frame = image_tables.make_frame()
    flow = migration.flow_from_dataframe(
        pipeline.AugmentConfig(),
        frame,
        image_folder,
        classes=np.array(["sick", "Well"]),
        target_size=(9, 7),
    )
    assert flow.class_indices == {"sick": 0, "Well": 1}
    assert flow.samples == sum(frame["class"] == "sick")
    assert "`classes` names Well, which no row has" in caplog.text
    assert "of 1 names" in caplog.text
