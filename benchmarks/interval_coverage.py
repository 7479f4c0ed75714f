"""How often the intervals of `evaluation` contain what they should.

    python benchmarks/interval_coverage.py [--num_repetitions=200]

Draws test sets from a world whose true figures are known, computes all figures
with their intervals, and counts how often each contains the truth: it should be
95 %, give or take 3 points of 200 sets. Patients have one image each, or 1 to
10 that are alike. Beside the intervals that stand in tables are those that take
each image for a patient.
"""

import argparse
import collections
import dataclasses
import time

import numpy as np
from scipy import special

from evaluation import figures
from evaluation import metrics
from evaluation import weighted
from evaluation.scores import Scores

# Number of patients, most images of one, and how far the classes are apart: the
# AUC is .80 or .95.
CASES = [
    (num_patients, most_images, distance)
    for most_images in (1, 10)
    for distance in (1.19, 2.33)
    for num_patients in (50, 100, 300)
]

PREVALENCE = 0.1

# Share of the scores' variance that images of a patient have in common.
_ALIKE = 0.5


def draw(
    generator: np.random.Generator,
    num_patients: int,
    most_images: int,
    distance: float,
) -> Scores:
    """Returns the scores of a made-up test set: binormal, half are ill.

    Probabilities are those of a network that is too sure of itself.
    """
    ill = generator.random(num_patients) < 0.5
    sizes = generator.integers(1, most_images, num_patients, endpoint=True)
    owner = np.repeat(np.arange(num_patients), sizes)
    patient = generator.normal(size=num_patients)[owner]
    image = generator.normal(size=len(owner))
    score = np.sqrt(_ALIKE) * patient + np.sqrt(1 - _ALIKE) * image
    score += distance * (ill[owner] - 0.5)
    # Calibrated would be `distance * score`.
    positive = special.expit(1.5 * distance * score)
    return Scores(
        keys=np.arange(len(owner)).astype(str),
        patients=owner.astype(str),
        labels=ill[owner].astype(np.int64),
        probabilities=np.stack([1 - positive, positive], axis=1),
        class_names=("normal", "ill"),
    )


def threshold_of(distance: float) -> float:
    """Returns the threshold of sensitivity .9."""
    score = distance / 2 + special.ndtri(0.1)
    return float(special.expit(1.5 * distance * score))


def measure_coverage(
    case: tuple[int, int, float],
    *,
    num_repetitions: int,
    num_rounds: int,
    seed: int = 0,
) -> dict[str, float]:
    """Returns the share of intervals that contain the truth, by figure.

    What takes each image for a patient has " naive" in its name.
    """
    num_patients, most_images, distance = case
    generator = np.random.default_rng([seed, num_patients, most_images])
    threshold = threshold_of(distance)
    truth = _true_values(
        draw(generator, 50_000, most_images, distance), threshold
    )
    found = collections.defaultdict(list)
    for repetition in range(num_repetitions):
        scores = draw(generator, num_patients, most_images, distance)
        for figure in figures.headline(
            scores,
            threshold=threshold,
            prevalence=PREVALENCE,
            seed=repetition,
            num_rounds=num_rounds,
        ):
            true = truth[figure.name]
            found[figure.name].append(figure.low <= true <= figure.high)
        for figure in _naive(scores, threshold):
            true = truth[figure.name]
            name = f"{figure.name} naive"
            found[name].append(figure.low <= true <= figure.high)
    return {name: float(np.mean(hits)) for name, hits in found.items()}


def _true_values(world, threshold):
    values = metrics.values(
        world.labels,
        world.probabilities,
        figures.decide(world, threshold),
        world.patients,
    )
    return values | weighted.at_prevalence(values, PREVALENCE)


def _naive(scores, threshold):
    return [
        figures.auc_figure(scores.labels, scores.positive, scores.keys),
        *figures.figures_at(
            dataclasses.replace(scores, patients=scores.keys), threshold
        ),
    ]


def main() -> None:
    """Prints a table: a row for each figure, a column for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_repetitions", type=int, default=200)
    parser.add_argument("--num_rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    tables = [measure_coverage(case, **vars(options)) for case in CASES]
    print("patients             ", *(f"{case[0]:6}" for case in CASES))
    print("most images          ", *(f"{case[1]:6}" for case in CASES))
    print("distance             ", *(f"{case[2]:6}" for case in CASES))
    for name in tables[0]:
        print(f"{name:21}", *(f"{100 * table[name]:6.1f}" for table in tables))
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
