"""Models that see no lungs."""

import json

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from evaluation import nulls
from evaluation import scores as scores_lib
from tests.helpers import synthetic_scores


def _null(train, train_labels, features, reason=""):
    return nulls.Null(
        "size", "Width and height.", train, train_labels, features, reason
    )


def test_null_model_is_fitted_on_train_and_compared_in_pairs(rng):
    scores = synthetic_scores.make(rng, num_patients=100, separation=3)
    train_labels = np.repeat([0, 1], 150)
    train = rng.normal(train_labels[:, np.newaxis], 1, (300, 20))
    features = rng.normal(scores.labels[:, np.newaxis], 1, (200, 20))
    # Only in the evaluated images do these tell anything.
    train[:, 10:] = rng.normal(0, 1, (300, 10))
    features[:, 10:] += 9 * scores.labels[:, np.newaxis]
    result = nulls.measure(_null(train, train_labels, features), scores)
    best = nulls.measure(
        _null(train[:, :10], train_labels, features[:, :10]), scores
    )
    area = sklearn_metrics.roc_auc_score(scores.labels, scores.positive)
    for each in (result, best):
        assert 0.5 < each["auc"]["low"] < each["auc"]["value"] < 1
        assert each["difference"]["value"] == pytest.approx(
            area - each["auc"]["value"], abs=1e-12
        )
        assert each["difference"]["method"] == "delong"
        assert each["reason"] is None
    json.dumps(result, allow_nan=False)


def test_labels_that_only_the_null_knows_show(rng):
    scores = synthetic_scores.make(rng, separation=0)
    train_labels = np.repeat([0, 1], 50)
    result = nulls.measure(
        _null(
            train_labels[:, np.newaxis] + 0.0,
            train_labels,
            scores.labels[:, np.newaxis] + 0.0,
        ),
        scores,
    )
    assert result["auc"]["value"] == 1
    assert result["difference"]["high"] < 0


def test_constant_numbers_tell_nothing(rng):
    scores = synthetic_scores.make(rng)
    constant = np.ones((200, 3))
    result = nulls.measure(_null(constant, scores.labels, constant), scores)
    assert result["auc"]["value"] == 0.5
    assert result["difference"]["low"] > 0


def test_more_than_two_classes_have_a_null_model(rng):
    labels = np.arange(90) % 3
    probabilities = rng.dirichlet(np.ones(3), 90)
    scores = scores_lib.Scores(
        keys=np.arange(90).astype(np.str_),
        patients=np.arange(90).astype(np.str_),
        labels=labels,
        probabilities=probabilities,
        class_names=("a", "b", "c"),
    )
    features = np.eye(3)[labels] + rng.normal(0, 0.1, (90, 3))
    result = nulls.measure(_null(features, labels, features), scores)
    assert result["auc"]["value"] == 1


@pytest.mark.parametrize(
    "train, labels, features, reason",
    [
        (None, [0, 1], None, "Not in the records."),
        (np.ones((2, 1)), [0, 1], None, "Not in the records."),
        (np.eye(2), [1, 1], np.eye(2), "no image in the training split"),
        (np.full((2, 1), np.nan), [0, 1], np.eye(2)[:, :1], "not known of all"),
        (np.eye(2), [0, 1], np.full((2, 2), np.nan), "not known of all"),
    ],
    ids=["none", "none_here", "one_class", "unknown", "unknown_here"],
)
def test_what_is_not_known_has_a_reason(train, labels, features, reason):
    scores = synthetic_scores.of_positive([0, 1], [0.2, 0.7])
    given = "Not in the records." if features is None else ""
    result = nulls.measure(
        _null(train, np.array(labels), features, given), scores
    )
    assert reason in result["reason"]
    assert result["auc"]["value"] is None
    assert reason in result["difference"]["reason"]
