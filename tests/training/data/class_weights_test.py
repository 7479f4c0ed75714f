"""Weights of classes, against scikit-learn."""

import numpy as np
import pytest
from sklearn.utils import class_weight as sklearn_class_weight

from training.data import class_weights

NAMES = ("normal", "pneumonia")


def test_none_is_none():
    assert class_weights.resolve("none", None, NAMES) is None


@pytest.mark.parametrize("counts", [(3, 9), (250, 250), (1, 7)])
def test_balanced_weights_are_those_of_scikit_learn(counts):
    labels = np.repeat([0, 1], counts)
    weights = class_weights.resolve("balanced", lambda: np.array(counts), NAMES)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(
        weights,
        sklearn_class_weight.compute_class_weight(
            "balanced", classes=np.array([0, 1]), y=labels
        ),
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    "spec", [{"pneumonia": 1, "normal": 2.5}, {"1": 1, "0": 2.5}]
)
def test_dictionary_is_by_name_or_label(spec):
    weights = class_weights.resolve(spec, None, NAMES)
    assert weights.tolist() == [2.5, 1.0]


def test_name_of_a_class_comes_before_labels():
    weights = class_weights.resolve({"1": 2.5, "0": 1}, None, ("1", "0"))
    assert weights.tolist() == [2.5, 1.0]


@pytest.mark.parametrize(
    "spec, message",
    [
        ({"normal": 1}, "none for pneumonia"),
        ({"normal": 1, "covid": 2}, "classes normal, pneumonia.*covid"),
        ({"normal": 1, "2": 2}, "Received: 2"),
        ({"normal": 0, "pneumonia": 1}, "positive.*normal=0"),
        ({"normal": "x", "pneumonia": 1}, "positive.*normal=x"),
        ({"normal": float("nan"), "pneumonia": 1}, "normal=nan"),
        ({"normal": True, "pneumonia": 1}, "positive.*normal=True"),
        ({"normal": 1e-50, "pneumonia": 1}, "positive.*normal=1e-50"),
        ({"normal": 1e50, "pneumonia": 1}, r"positive.*normal=1e\+50"),
        ({"normal": 1, "0": 2, "pneumonia": 1}, "gives normal two"),
        ({"normal": 1, "\u00b2": 2}, "Received: \u00b2"),
    ],
)
def test_dictionary_that_does_not_fit_is_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        class_weights.resolve(spec, None, NAMES)


def test_balanced_without_examples_of_a_class_is_refused():
    with pytest.raises(ValueError, match=r"counts=\[3, 0\]"):
        class_weights.resolve("balanced", lambda: np.array([3, 0]), NAMES)
