"""The AUC, its variance and its differences, against all pairs and SAS."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from evaluation import auc as auc_lib
from evaluation import figures

# DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44:837): women with
# ovarian cancer; albumin, total protein, Krebs-Goplerud score; 1 if surgery
# helped. As printed in SAS/STAT's user's guide, the LOGISTIC procedure, example
# "Comparing Receiver Operating Characteristic Curves", with the results below.
_OVARIAN = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0
2.5 5.7 8 0  1.6 5.6 5 1  3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1
4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0
4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1
3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1
3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1
2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1
3.6 6.6 5 1
"""


@pytest.fixture(name="ovarian")
def _ovarian():
    table = np.array(_OVARIAN.split(), float).reshape(-1, 4)
    scores = {"albumin": table[:, 0], "protein": table[:, 1]}
    scores["score"] = -table[:, 2]
    return table[:, 3].astype(int), scores, np.arange(len(table))


@pytest.mark.parametrize(
    ("name", "area", "error"),
    [
        ("albumin", 0.7366, 0.0927),
        ("score", 0.7258, 0.1028),
        ("protein", 0.6478, 0.1000),
    ],
)
def test_published_areas_and_errors(ovarian, name, area, error):
    labels, scores, patients = ovarian
    auc, variance = auc_lib.clustered_auc(labels, scores[name], patients)
    assert auc == pytest.approx(area, abs=5e-5)
    assert math.sqrt(variance) == pytest.approx(error, abs=5e-5)


@pytest.mark.parametrize(
    ("name", "difference", "low", "high", "p_value"),
    [
        ("albumin", 0.0108, -0.1761, 0.1976, 0.9102),
        ("protein", -0.0780, -0.2830, 0.1271, 0.4561),
    ],
)
def test_published_differences(ovarian, name, difference, low, high, p_value):
    labels, scores, patients = ovarian
    figure, p = auc_lib.paired_difference(
        labels, scores[name], scores["score"], patients
    )
    found = [figure.value, figure.low, figure.high, p]
    assert found == pytest.approx([difference, low, high, p_value], abs=5e-5)
    assert (figure.name, figure.method) == ("auc_difference", "delong")


def test_published_area_of_ratings():
    """109 CT images rated 1 to 5 (Hanley and McNeil 1982, Radiology 143:29).

    Stata's manual of `roctab` has area, error and interval, not on the logit
    scale.
    """
    ratings = [[33, 6, 6, 11, 2], [3, 2, 2, 11, 33]]
    labels = np.repeat([0, 1], np.sum(ratings, axis=1))
    scores = np.concatenate([np.repeat(np.arange(5), row) for row in ratings])
    auc, variance = auc_lib.clustered_auc(labels, scores, np.arange(109))
    half = 1.959964 * math.sqrt(variance)
    found = [auc, math.sqrt(variance), auc - half, auc + half]
    assert found == pytest.approx([0.8932, 0.0307, 0.83295, 0.95339], abs=5e-5)


def _wins(positive, scores):
    """Returns `[positives, negatives]`: 1, or .5 for a tie, or 0."""
    above, below = scores[positive][:, np.newaxis], scores[~positive]
    return (above > below) + 0.5 * (above == below)


def _by_all_pairs(positive, scores, patients):
    """Returns Obuchowski's estimate (1997), products of sums over patients."""
    wins = _wins(positive, scores)
    auc = wins.mean()
    sums = np.zeros((2, patients.max() + 1))
    np.add.at(sums[0], patients[positive], wins.mean(axis=1) - auc)
    np.add.at(sums[1], patients[~positive], wins.mean(axis=0) - auc)
    numbers = np.array([positive.sum(), (~positive).sum()])
    counts = np.array(
        [len(set(patients[chosen])) for chosen in (positive, ~positive)]
    )
    factors = counts / (counts - 1)
    own = factors * np.sum(sums**2, axis=1) / numbers**2
    both = np.sum(sums[0] * sums[1]) * math.sqrt(np.prod(factors))
    return auc, own.sum() + 2 * both / np.prod(numbers)


@pytest.mark.parametrize("decimals", [9, 1], ids=["continuous", "ties"])
@pytest.mark.parametrize("mixed", [False, True], ids=["apart", "mixed"])
def test_variance_equals_that_of_all_pairs(rng, decimals, mixed):
    """Also where patients have images of both classes."""
    patients = rng.integers(0, 40, 150)
    positive = rng.random(150) < 0.4 if mixed else patients % 3 == 0
    effects = rng.normal(size=40)[patients]
    scores = np.round(positive + effects + rng.normal(size=150), decimals)
    found = auc_lib.clustered_auc(positive.astype(int), scores, patients)
    assert found == pytest.approx(
        _by_all_pairs(positive, scores, patients), rel=1e-12
    )
    assert found[0] == pytest.approx(
        metrics.roc_auc_score(positive, scores), abs=1e-12
    )


def test_copies_of_an_image_are_no_news(rng):
    labels = np.repeat([0, 1], (30, 50))
    scores = labels + rng.normal(size=80)
    patients = np.arange(80)
    once = auc_lib.clustered_auc(labels, scores, patients)
    often = auc_lib.clustered_auc(
        labels.repeat(10), scores.repeat(10), patients.repeat(10)
    )
    assert often == pytest.approx(once)


def test_two_columns_say_what_one_says(rng):
    labels, scores = rng.integers(0, 2, 50), rng.random(50)
    patients = np.arange(50)
    columns = np.stack([1 - scores, scores], axis=1)
    assert auc_lib.clustered_auc(
        labels, columns, patients
    ) == auc_lib.clustered_auc(labels, scores, patients)


def test_more_classes_are_averaged_with_their_covariance(rng):
    labels = rng.integers(0, 3, 200)
    scores = rng.dirichlet(np.ones(3), 200) + 0.3 * np.eye(3)[labels]
    scores /= scores.sum(axis=1, keepdims=True)
    patients = np.arange(200)
    auc, variance = auc_lib.clustered_auc(labels, scores, patients)
    expected = metrics.roc_auc_score(labels, scores, multi_class="ovr")
    assert auc == pytest.approx(expected, abs=1e-12)
    # The jackknife knows nothing of components.
    left_out = [
        metrics.roc_auc_score(
            np.delete(labels, i),
            np.delete(scores, i, axis=0),
            multi_class="ovr",
        )
        for i in range(200)
    ]
    assert variance == pytest.approx(199 * np.var(left_out), rel=0.02)


def test_difference_of_correlated_scores_is_surer_than_of_others(rng):
    labels = rng.integers(0, 2, 200)
    scores = labels + rng.normal(size=200)
    similar = scores + 0.1 * rng.normal(size=200)
    patients = np.arange(200)
    variances = [
        auc_lib.clustered_auc(labels, one, patients)[1]
        for one in (scores, similar)
    ]
    difference, variance = auc_lib.clustered_difference(
        labels, scores, similar, patients
    )
    areas = [metrics.roc_auc_score(labels, one) for one in (scores, similar)]
    assert difference == pytest.approx(areas[0] - areas[1], abs=1e-12)
    gaps = _wins(labels == 1, scores) - _wins(labels == 1, similar)
    expected = [
        gaps.mean(axis).var(ddof=1) / gaps.shape[1 - axis] for axis in (0, 1)
    ]
    assert variance == pytest.approx(sum(expected), rel=1e-12)
    assert variance < 0.1 * sum(variances)


def test_interval_stays_within_bounds_and_is_exact_at_the_ends():
    low, high = auc_lib.interval(0.99, 0.01, 10)
    assert 0 < low < 0.99 < high < 1
    exact = stats.binomtest(10, 10).proportion_ci(method="exact")
    assert auc_lib.interval(1.0, 0.0, 10) == pytest.approx((exact.low, 1))
    assert auc_lib.interval(0.0, 0.0, 10) == pytest.approx((0, 1 - exact.low))


@pytest.mark.parametrize(
    "is_clustered, quantile",
    [(False, stats.norm.ppf(0.975)), (True, stats.t.ppf(0.975, df=9))],
)
def test_interval_of_few_patients_with_several_images_is_student_s(
    is_clustered, quantile
):
    ends = auc_lib.interval(0.8, 0.002, 10, is_clustered=is_clustered)
    low, high = (np.log(end / (1 - end)) for end in ends)
    error = np.sqrt(0.002) / (0.8 * 0.2)
    assert (high - low) / 2 == pytest.approx(quantile * error)


@pytest.mark.parametrize(
    ("labels", "patients", "value", "p_value", "reason"),
    [
        ([1, 1, 1, 1], "abcd", math.nan, math.nan, auc_lib.NO_CLASS),
        ([], "", math.nan, math.nan, auc_lib.NO_CLASS),
        ([0, 1, 1, 1], "abcd", 0.5, math.nan, auc_lib.ONE_PATIENT),
        ([0, 0, 1, 1], "abcd", 0.5, math.nan, auc_lib.NO_VARIANCE),
    ],
    ids=["one class", "empty", "one patient", "no variance"],
)
def test_difference_without_interval_says_why(
    labels, patients, value, p_value, reason
):
    labels = np.array(labels, int)
    figure, p = auc_lib.paired_difference(
        labels,
        labels.astype(float),
        np.zeros(len(labels)),
        np.array([*patients]),
    )
    expected = [value, p_value, math.nan, math.nan]
    assert [figure.value, p, figure.low, figure.high] == pytest.approx(
        expected, nan_ok=True
    )
    assert (figure.method, figure.reason) == ("none", reason)


@pytest.mark.parametrize("positive", [(3, 3, 1), (3, 1, 1, 1, 1, 3, 3)])
def test_patients_that_show_the_same_have_no_interval_by_rounding(positive):
    """Their sums are 0 but for a last bit, and p was 1e-139."""
    scores = np.array([*positive, 2] * 10) / 10
    labels = np.array([*([1] * len(positive)), 0] * 10)
    patients = np.repeat(np.arange(10), len(positive) + 1)
    found = figures.auc_figure(labels, scores, patients)
    assert (found.method, found.reason) == ("none", auc_lib.NO_VARIANCE)
    difference, p_value = auc_lib.paired_difference(
        labels, scores, 1 - scores, patients
    )
    assert difference.reason == auc_lib.NO_VARIANCE and math.isnan(p_value)


def test_perfect_rankings_do_not_differ():
    labels = np.array([0, 0, 1, 1])
    figure, p_value = auc_lib.paired_difference(
        labels, labels, 2 * labels, np.arange(4)
    )
    assert (figure.value, p_value) == (0, 1)
    assert math.isnan(figure.low)


@pytest.mark.parametrize("images_of_a_patient", [1, 2])
def test_p_value_and_interval_of_a_difference_agree(rng, images_of_a_patient):
    labels = np.repeat([0, 1], 12)
    patients = np.arange(24) // images_of_a_patient
    base = labels + rng.normal(size=24)
    for noise in (0.1, 0.3, 1.0, 2.0):
        other = base - noise * labels + noise * rng.normal(size=24)
        found, p_value = auc_lib.paired_difference(
            labels, base, other, patients
        )
        error = (found.value - found.low) / _half(12, images_of_a_patient)
        ratio = abs(found.value) / error
        law = stats.t(df=5) if images_of_a_patient > 1 else stats.norm
        assert p_value == pytest.approx(2 * law.sf(ratio))


def _half(num_images, images_of_a_patient):
    """Standard errors to each side of an interval, by SciPy."""
    if images_of_a_patient == 1:
        return stats.norm.ppf(0.975)
    return stats.t.ppf(0.975, df=num_images // images_of_a_patient - 1)
