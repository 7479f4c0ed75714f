"""The bootstrap of patients, against resampling by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from evaluation import bootstrap
from evaluation import metrics


def _case(rng, num_classes):
    patients = np.array([f"p{i}" for i in rng.integers(0, 25, 90)])
    labels = rng.integers(0, num_classes, 90)
    probabilities = rng.dirichlet(np.ones(num_classes), 90)
    probabilities = (probabilities + 0.3 * np.eye(num_classes)[labels]) / 1.3
    return labels, probabilities, probabilities.argmax(axis=1), patients


def test_weights_draw_whole_patients_as_often_as_there_are_patients():
    patients = np.array(["b", "a", "b", "c"])
    weights = np.concatenate(
        [*bootstrap.weight_chunks(patients, num_rounds=500, seed=3)]
    )
    assert weights.shape == (500, 4)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, [0, 1, 3]].sum(axis=1), 3)
    # Each patient is drawn once on average; its variance is 2/3.
    assert np.abs(weights.mean(axis=0) - 1).max() < 4 * math.sqrt(2 / 3 / 500)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_draws_are_figures_of_resampled_examples(rng, num_classes):
    """Copies of examples, as often as drawn, give what the weights give."""
    case = _case(rng, num_classes)
    draws = bootstrap.draw_values(*case, num_rounds=5, seed=1)
    chunks = bootstrap.weight_chunks(case[-1], num_rounds=5, seed=1)
    for index, weights in enumerate(np.concatenate([*chunks])):
        chosen = np.repeat(np.arange(90), weights.astype(int))
        expected = metrics.values(*(one[chosen] for one in case))
        # Debiased otherwise in a resample, and in bins of the data.
        del expected["calibration_error"]
        found = {name: draws[name][index] for name in expected}
        assert found == pytest.approx(expected, abs=1e-12)


def test_draws_depend_on_the_seed_alone(rng):
    case = _case(rng, 2)
    first, again, other = (
        bootstrap.draw_values(*case, num_rounds=20, seed=seed)
        for seed in (0, 0, 1)
    )
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert (first["auc"] != other["auc"]).any()


def test_chunks_do_not_change_the_draws(rng, monkeypatch):
    case = _case(rng, 2)
    whole = bootstrap.draw_values(*case, num_rounds=30)
    monkeypatch.setattr(bootstrap, "_MAX_BYTES", 8 * 90 * 7)
    parts = bootstrap.draw_values(*case, num_rounds=30)
    for name in whole:
        np.testing.assert_allclose(whole[name], parts[name], atol=1e-12)


def test_rounds_without_a_class_are_left_out_and_counted():
    """With three patients, one of them ill, many resamples lack the ill."""
    labels = np.array([0, 0, 1])
    positive = np.array([0.1, 0.2, 0.9])
    patients = np.array([*"abc"])
    draws = bootstrap.draw_values(
        labels,
        np.stack([1 - positive, positive], axis=1),
        labels,
        patients,
        num_rounds=1000,
    )
    lost = np.isnan(draws["sensitivity"]).sum()
    assert abs(lost / 1000 - (2 / 3) ** 3) < 0.06
    figure = bootstrap.figure(
        "sensitivity",
        0.5,
        np.where(np.isnan(draws["sensitivity"]), np.nan, draws["brier"]),
        labels,
        patients,
        "",
    )
    assert f"{lost} of them have no value" in figure.reason


def test_interval_of_many_patients_is_that_of_percentiles(rng):
    draws = rng.normal(size=100_000)
    low, high = bootstrap.interval(draws, 0.0, 0.025)
    assert (low, high) == pytest.approx((-1.96, 1.96), abs=0.03)


def test_interval_moves_against_the_bias_of_the_draws(rng):
    """If 3 of 4 resamples are below the value, the ends move up."""
    draws = rng.normal(size=100_000) - stats.norm.ppf(0.75)
    low, high = bootstrap.interval(draws, 0.0, 0.025)
    bias = stats.norm.ppf(0.75)
    expected = np.array([bias - 1.96, bias + 1.96])
    assert (low, high) == pytest.approx(expected, abs=0.03)


def test_interval_contains_the_value_whatever_the_draws(rng):
    for _ in range(50):
        draws = rng.exponential(size=200)
        value = np.quantile(draws, rng.random())
        low, high = bootstrap.interval(draws, value, 0.025)
        assert low <= value <= high


def test_rounding_does_not_move_the_interval(rng):
    """Differences of two shares are as those of their counts."""
    for _ in range(20):
        wrong = rng.multinomial(22, (0.1, 0.05, 0.85), 501)[:, :2]
        own, other = 22 - wrong.T
        counts = (own - other).astype(float)
        draws = own / 22 - other / 22
        expected = bootstrap.interval(counts[1:], counts[0], 0.02)
        found = bootstrap.interval(draws[1:], draws[0], 0.02)
        assert found == pytest.approx([end / 22 for end in expected], abs=1e-9)


def test_few_patients_of_the_smallest_class_widen_the_interval():
    """Hesterberg's table: the tail of 20 is 1.2 %, of many 2.5 %."""
    few = bootstrap.tail_of(np.repeat([0, 1], [20, 99]), np.arange(119))
    many = bootstrap.tail_of(np.zeros(100_000), np.arange(100_000))
    expected = stats.norm.cdf(math.sqrt(20 / 19) * stats.t.ppf(0.025, 19))
    assert few == pytest.approx(expected)
    assert many == pytest.approx(0.025, abs=1e-4)


def test_figure_without_spread_has_no_interval():
    labels, patients = np.array([0, 1]), np.array(["a", "b"])
    figure = bootstrap.figure("f1", 1.0, np.ones(9), labels, patients, "")
    assert (figure.value, figure.method) == (1.0, "none")
    assert math.isnan(figure.low)
    assert "alike" in figure.reason
    missing = bootstrap.figure(
        "f1", math.nan, np.ones(9), labels, patients, "Because."
    )
    assert (missing.method, missing.reason) == ("none", "Because.")
