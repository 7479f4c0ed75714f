"""How often the audit's intervals contain what they should.

    python benchmarks/audit_intervals.py [--num_repetitions=200]

Draws data sets whose features say nothing of the label, and some whose first
feature does; audits each; counts how often the 95 % interval contains the AUC
that holds: .5, or the mean over the repetitions. Beside it stands the interval
that takes the scores as given (`separability`).
"""

import argparse

import numpy as np

from evaluation import separability

# Number of patients, number of features, distance of the classes' means in
# standard deviations of the patients.
_CASES = (
    (60, 3, 0.0),
    (60, 64, 0.0),
    (300, 3, 0.0),
    (300, 64, 0.0),
    (60, 3, 1.0),
    (300, 3, 1.0),
    (60, 3, 3.0),
    (300, 3, 3.0),
)


def draw(generator, num_patients, num_features, distance):
    """Returns features, labels and patients of a made-up data set.

    Three of four patients are ill, as in the public data set; most have one to
    four images, which differ less than patients do, and one has 15.
    """
    sizes = generator.geometric(0.5, num_patients)
    sizes[generator.integers(num_patients)] = 15
    ill = (generator.random(num_patients) < 0.75).astype(int)
    ill[:4] = (0, 0, 1, 1)
    patients: np.ndarray = np.repeat(np.arange(num_patients), sizes)
    features = generator.normal(size=(num_patients, num_features))[patients]
    features += 0.5 * generator.normal(size=features.shape)
    labels = ill[patients]
    features[:, 0] += distance * labels
    return features, labels, patients


def _take_as_given(estimate):
    """Returns the interval without the correction for cross-validation."""
    ends = np.array([estimate.low, estimate.auc, estimate.high])
    ends = np.clip(ends, 1e-12, 1 - 1e-12)
    low, middle, high = np.log(ends / (1 - ends))
    factor = 1 + estimate.num_folds / (estimate.num_folds - 1)
    half = (high - low) / 2 / np.sqrt(factor)
    return 1 / (1 + np.exp([half - middle, -half - middle]))


def main():
    """Prints a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("patients features distance  mean AUC  contains  as given  width")
    for case in _CASES:
        generator = np.random.default_rng([options.seed, *map(int, case)])
        rows = []
        for _ in range(options.num_repetitions):
            features, labels, patients = draw(generator, *case)
            estimate = separability.estimate_auc(features, labels, patients)
            narrow = _take_as_given(estimate)
            rows.append([estimate.auc, estimate.low, estimate.high, *narrow])
        auc, low, high, narrow_low, narrow_high = np.array(rows).T
        truth = auc.mean() if case[2] else 0.5
        contains = np.mean((low <= truth) & (truth <= high))
        given = np.mean((narrow_low <= truth) & (truth <= narrow_high))
        print(
            f"{case[0]:8} {case[1]:8} {case[2]:8.1f} {auc.mean():9.3f}"
            f" {contains:9.3f} {given:9.3f} {np.mean(high - low):6.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
