"""Recorded outputs of Keras, which stay when its legacy module goes."""

import json
import pathlib
import warnings

import numpy as np
import pytest

import pipeline


def negative(x):
    return 255 - x


def half_minus_one(x):
    return x * 0.5 - 1


def subtract_hundred(x):
    return x - 100


_FUNCTIONS = {
    None: None,
    "neg": negative,
    "half_minus_one": half_minus_one,
    "chan_mean_sub": subtract_hundred,
}


def load_cases():
    """Yields each case with its arrays in place of their names."""
    golden = pathlib.Path(__file__).parents[1] / "golden"
    for path in sorted(golden.glob("transforms_*.npz")):
        with np.load(path) as arrays:
            manifest = json.loads(bytes(arrays["manifest"]))
            for case in manifest["cases"]:
                for key in ("x", "y", "z", "fit_data", "ill"):
                    if case.get(key):
                        case[key] = arrays[case[key]]
                case["fit"] = {
                    key: arrays[name]
                    for key, name in (case.get("fit") or {}).items()
                }
                yield case


CASES = list(load_cases())


def make_config(case):
    with warnings.catch_warnings():
        # Flags that imply others say so; that is tested elsewhere.
        warnings.simplefilter("ignore")
        return pipeline.AugmentConfig(
            **case["ctor"],
            preprocessing_function=_FUNCTIONS[case["preprocessing_function"]],
        )


def assert_within(actual, expected, case, stage):
    error = np.abs(actual.numpy() - expected)
    if case["ctor"].get("data_format") == "channels_first":
        error = np.moveaxis(error, 0, -1)
    error = error.reshape(-1, error.shape[-1])
    if case.get("ill") is not None:
        error = np.delete(error, case["ill"], axis=0)
    tolerance = case["tol"]
    exceeds = error > tolerance[f"{stage}_atol"]
    assert exceeds.mean() <= tolerance["loose_frac"]
    if exceeds.any():
        assert error.max() <= tolerance[f"{stage}_loose"]


def test_there_are_as_many_cases_as_recorded():
    assert len(CASES) == 274


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['id']}-{c['group']}")
def test_golden_case(case):
    config = make_config(case)
    image = case["x"].astype(np.float32)
    if config.data_format == "channels_first":
        image = np.moveaxis(image, -1, 0)
    transformed = pipeline.apply_transform(image, case["params"], config)
    assert_within(transformed, case["y"], case, "y")
    standardized = pipeline.standardize(
        transformed, config, pipeline.Statistics(**case["fit"])
    )
    assert_within(standardized, case["z"], case, "z")


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.get("fit_data") is not None],
    ids=lambda c: f"{c['id']}-{c['group']}",
)
def test_golden_fit(case):
    config = make_config(case)
    images = case["fit_data"]
    split = pipeline.Split.from_arrays(
        images, np.zeros(len(images)), class_names=("a",)
    )
    statistics = pipeline.fit_statistics(split, config)
    for name in ("mean", "std"):
        expected = case["fit"].get(name)
        actual = getattr(statistics, name)
        assert (actual is None) == (expected is None)
        if expected is not None:
            np.testing.assert_allclose(
                actual, np.reshape(expected, actual.shape), rtol=1e-5
            )
    if "zca_whitening_matrix" in case["fit"]:
        standardized = pipeline.standardize(case["y"], config, statistics)
        assert_within(standardized, case["z"], case, "z")
