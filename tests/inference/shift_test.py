"""Sets that differ are told apart, class by class, and others are not."""

import re

import numpy as np
import pytest

from evaluation import separability
from inference import null_features
from inference import shift

CLASSES = ("normal", "pneumonia")


def make_features(rng, number, brighter=(0, 0), prefix="p"):
    """Noise, each class brighter by so many grey levels in one corner."""
    labels = np.arange(number) % 2
    thumbnails = rng.normal(100, 20, (number, 64))
    thumbnails[:, :8] += np.array(brighter)[labels][:, np.newaxis]
    return null_features.ImageFeatures(
        labels=labels,
        patients=np.array([f"{prefix}{index}" for index in range(number)]),
        thumbnails=thumbnails,
        borders=np.zeros((number, 124)),
        containers=np.zeros((number, 4)),
        kinds=np.array(["JPEG L"] * number),
    )


def test_class_that_differs_is_flagged_and_named(rng):
    train = make_features(rng, 400)
    other = make_features(rng, 300, brighter=(0, 30), prefix="q")
    normal, pneumonia = shift.measure(train, other, CLASSES)
    assert (normal["class"], pneumonia["class"]) == CLASSES
    assert not normal["flagged"]
    assert normal["low"] < 0.6
    assert pneumonia["flagged"]
    assert pneumonia["auc"] > 0.9
    assert "pneumonia differ" in pneumonia["verdict"]
    for each in (normal, pneumonia):
        assert 0 <= each["low"] <= each["auc"] <= each["high"] <= 1


def test_figures_are_the_audits(rng):
    train = make_features(rng, 60)
    other = make_features(rng, 50, brighter=(10, 0), prefix="q")
    expected = separability.estimate_auc(
        np.concatenate([train.thumbnails[::2], other.thumbnails[::2]]),
        np.array([0] * 30 + [1] * 25),
        np.concatenate([train.patients[::2], other.patients[::2]]),
        seed=4,
    )
    found = shift.measure(train, other, CLASSES, seed=4)[0]
    assert (found["auc"], found["low"], found["high"]) == (
        *(expected.auc, expected.low, expected.high),
    )


@pytest.mark.parametrize("number", [0, 2])
def test_too_few_patients_are_not_measured(rng, number):
    train = make_features(rng, 40)
    for each in shift.measure(train, make_features(rng, number), CLASSES):
        assert (each["auc"], each["low"], each["high"]) == (None,) * 3
        assert not each["flagged"]
        assert each["verdict"].startswith("Not measured: ")


@pytest.mark.parametrize(
    "auc, low, high, words",
    [
        (0.5, 0.4, 0.6, "are much like"),
        (0.6, 0.4, 0.8, "not clearly other"),
        (0.9, 0.8, 0.95, "may not fit the other.$"),
        (0.75, 0.45, 0.92, "interval contains chance"),
    ],
)
def test_verdict_says_how_sure_it_is(monkeypatch, rng, auc, low, high, words):
    estimate = separability.Estimate(auc, low, high, 5)
    monkeypatch.setattr(separability, "estimate_auc", lambda *_, **__: estimate)
    features = make_features(rng, 4)
    found = shift.measure(features, features, CLASSES)[0]
    assert found["flagged"] == (auc > 0.7)

    assert re.search(words, found["verdict"])
