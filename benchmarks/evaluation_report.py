"""Seconds and memory of the statistics of an evaluation, and of its report.

    python benchmarks/evaluation_report.py [--num_images=5000]

Draws the scores of two networks that do not exist, two images of each patient,
and does what `evaluate.py` does with scores: threshold and temperature, all
figures with 2,000 resamples of patients, the comparison of the networks and
slices; then it writes page, card and JSON. What needs images is made up.
"""

import argparse
import json
import os
import pathlib
import resource
import sys
import tempfile
import time

import numpy as np

# The made-up parts of a report are those of the tests.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from evaluation import assessment  # noqa: E402
from evaluation import bootstrap  # noqa: E402
from evaluation import comparison  # noqa: E402
from evaluation import report  # noqa: E402
from evaluation import slices  # noqa: E402
from evaluation import thresholds  # noqa: E402
from tests.helpers import evaluation_results  # noqa: E402
from tests.helpers import synthetic_scores  # noqa: E402


def compute(num_images):
    """Returns everything that follows from scores."""
    validation, scores, other = (
        synthetic_scores.make(
            np.random.default_rng(seed),
            num_images=num_images,
            num_patients=num_images // 2,
        )
        for seed in range(3)
    )
    point = assessment.choose(
        validation,
        rule=thresholds.parse("sensitivity>=0.95"),
        calibrate="temperature",
    )
    thirds = [str(index % 3) for index in range(num_images)]
    found = assessment.assess(scores, point, prevalence=0.05)
    return found | {
        "comparison": {
            "other": "runs/other",
            **comparison.compare(
                scores, other, thresholds=(point.threshold, 0.5)
            ).as_json(),
        },
        "slices": slices.measure(
            [slices.column_of("third", thirds)],
            scores,
            threshold=point.threshold,
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_images", type=int, default=5000)
    num_images = parser.parse_args().num_images
    start = time.perf_counter()
    parts = compute(num_images)
    computed = time.perf_counter()
    results = evaluation_results.make_binary(num_images, **parts)
    drawn = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        page = report.write_report(results, directory)
        json.dumps(results, allow_nan=False)
        size = page.stat().st_size
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{num_images} scores, {bootstrap.NUM_ROUNDS} resamples, "
        f"{os.cpu_count()} cores: {computed - start:.1f} s to compute, "
        f"{end - drawn:.1f} s to write {size / 2**20:.1f} MB, "
        f"peak {peak:.2f} GB"
    )


if __name__ == "__main__":
    main()
