"""Learning what the images look like that a run was trained on."""

from __future__ import annotations

import sys

import numpy as np
import tqdm.auto

from console import streams
from evaluation import feature_distance
from inference import examples as examples_lib
from inference import reference
from inference import runs
from inference import scoring
from xray_tfds.audit import features as features_lib

# Of the distances of validation images: one of a hundred films like those that
# the network knows is flagged.
_QUANTILE = 0.99


def open_reference(
    run: runs.Run, data_dir: str | None = None
) -> reference.Reference:
    """Returns that of a run, learned from its records if it is not there.

    Args:
        run: The run.
        data_dir: As for `records.open_builder`.

    Raises:
        ValueError: If it is not there, and the records are not, either.
    """
    path = run.workdir / reference.FILE
    try:
        found = reference.read(path)
    except FileNotFoundError:
        found = None
    if found is None or found.model_sha256 != run.sha256:
        found = learn(run, data_dir)
        try:
            reference.write(path, found)
        except OSError:
            # A run that only others may write to. It is learned again.
            return found
    return found


def learn(run: runs.Run, data_dir: str | None = None) -> reference.Reference:
    """Learns from the training and validation images of a run's records."""
    train, validation = (
        examples_lib.open_split(run, "train", data_dir=data_dir),
        examples_lib.open_split(run, "validation", data_dir=data_dir),
    )
    total = np.zeros(features_lib.THUMBNAIL_SIZE**2)
    features = []
    bar = tqdm.auto.tqdm(
        train.batches(scoring.batch_size_of(run)),
        desc="Learning once what films look like",
        unit=" batches",
        leave=False,
        disable=not streams.is_live(sys.stderr),
    )
    for images in bar:
        features.append(scoring.score_at_once(run, images)[1])
        total += np.sum(
            [reference.thumbnail_of(pixels) for pixels in images], axis=0
        )
    classes = feature_distance.fit(
        np.concatenate(features), train.labels, len(run.class_names)
    )
    distances = [
        feature_distance.measure(classes, scoring.score_at_once(run, images)[1])
        for images in validation.batches(scoring.batch_size_of(run))
    ]
    return reference.Reference(
        model_sha256=run.sha256,
        classes=classes,
        most_distant=float(np.quantile(np.concatenate(distances), _QUANTILE)),
        thumbnail=total / len(train),
    )
