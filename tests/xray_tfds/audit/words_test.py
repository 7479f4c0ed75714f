"""What is said of a figure."""

import pytest

from evaluation import separability
from xray_tfds.audit import words


def test_what_is_above_chance_is_not_called_chance():
    estimate = separability.Estimate(0.58, 0.55, 0.61, num_folds=5)
    text = words.explain("pixels", "histogram", estimate, ("a", "b"))
    assert "may be chance" not in text
    assert "from 0.55 to 0.61 is possible: whether it is above 0.6" in text
    estimate = separability.Estimate(0.58, 0.45, 0.71, num_folds=5)
    text = words.explain("pixels", "histogram", estimate, ("a", "b"))
    assert "That may be chance" in text


@pytest.mark.parametrize(
    ("auc", "low", "high", "expected"),
    [
        (0.61, 0.51, 0.7, words.FLAGGED),
        (0.61, 0.49, 0.7, words.UNCLEAR),
        (0.6, 0.55, 0.65, words.UNCLEAR),
        (0.5, 0.4, 0.6, words.CLEAR),
        (0.2, 0.1, 0.3, words.CLEAR),
    ],
)
def test_verdict_follows_auc_and_interval(auc, low, high, expected):
    estimate = separability.Estimate(auc, low, high, num_folds=5)
    assert words.judge("pixels", estimate) == expected
    is_flagged = expected == words.FLAGGED
    assert (words.judge("source files", estimate) == words.SOURCE_ONLY) == (
        is_flagged
    )
