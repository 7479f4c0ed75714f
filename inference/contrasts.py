"""What the images say beside the scores: what a model's figures are held to.

Models that see no lungs, degraded films, the shift from the training images,
parts of the set, and the single cases.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation import assessment
from evaluation import figures
from evaluation import nulls
from evaluation import slice_table
from evaluation import slices
from inference import cases
from inference import config as config_lib
from inference import description
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import null_features
from inference import robustness
from inference import runs as runs_lib
from inference import shift


def measure(
    config: config_lib.EvaluateConfig,
    ensemble: ensemble_lib.Ensemble,
    point: assessment.OperatingPoint,
    subject: ensemble_lib.Subject,
) -> dict[str, Any]:
    """Returns what is measured of the images, for `metrics.json`.

    Args:
        config: Which slices, and where the records are.
        ensemble: The model.
        point: How it decides.
        subject: What it is evaluated on.
    """
    scores = subject.scores
    train, evaluated = _features(ensemble.runs[0], subject, config.data_dir)
    columns = _columns(config, subject)
    return {
        "data": description.describe_data(subject, train),
        "nulls": [
            nulls.measure(null, scores)
            for null in null_features.make_nulls(train, evaluated)
        ],
        "robustness": robustness.measure(ensemble, subject, point.threshold),
        "shift": shift.measure(train, evaluated, scores.class_names),
        "slices": slices.measure(columns, scores, threshold=point.threshold),
        "cases": cases.show(
            ensemble, subject, figures.decide(scores, point.threshold)
        ),
    }


def _features(
    run: runs_lib.Run, subject: ensemble_lib.Subject, data_dir: str | None
) -> tuple[null_features.ImageFeatures, null_features.ImageFeatures]:
    """Returns the features of the training and the evaluated images."""
    train, evaluated = (
        null_features.measure(
            examples.batches(64),
            examples.labels,
            examples.patients,
            [examples.rows.get(key) for key in examples.keys.tolist()],
        )
        for examples in (
            examples_lib.open_split(run, "train", data_dir=data_dir),
            subject.first,
        )
    )
    # Scores are in the order of the keys.
    return train, evaluated.take(np.argsort(subject.first.keys, kind="stable"))


def _columns(
    config: config_lib.EvaluateConfig, subject: ensemble_lib.Subject
) -> list[slices.Column]:
    """Returns what the examples are sliced by, in the order of the scores."""
    keys = subject.scores.keys.tolist()
    rows = [subject.first.rows.get(key, {}) for key in keys]
    widths, heights = (
        np.array([float(row.get(name) or "nan") for row in rows])
        for name in ("width", "height")
    )
    found = [slices.kinds(keys), slices.folders(keys, subject.scores.labels)]
    columns = [column for column in found if column is not None]
    columns += slices.sizes(widths, heights)
    seen = subject.overlap.seen
    if seen:
        texts = ["yes" if key in seen else "no" for key in keys]
        columns.append(slices.column_of("seen by the run", texts))
    if config.slices is not None:
        columns += slice_table.read(config.slices, keys)
    return columns
