"""Runs that are exported as one model: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import hashlib
from typing import Any

import numpy as np

from evaluation import thresholds
from inference import operating_point
from inference import predictor as predictor_lib
from inference import runs
from inference.exports import manifest as manifest_lib


def digest(members: Sequence[runs.Run]) -> str:
    """Returns the SHA-256 of the weights; of several runs, of all of theirs."""
    digests = [run.sha256 for run in members]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def make_predictor(members: Sequence[runs.Run]) -> predictor_lib.Predictor:
    """Returns the predictor of one run, or of several as one model.

    Its maps are those of the first, as in the report of several.

    Args:
        members: Runs of the same classes.

    Raises:
        ValueError: If they cannot be fed the same image.
    """
    if len(members) == 1:
        return predictor_lib.of_run(members[0])
    # evaluate.py stores none for several runs, and that of one is not theirs.
    is_binary = len(members[0].class_names) == 2
    point = operating_point.StoredPoint(
        0.5 if is_binary else None,
        note=f"The mean of {len(members)} runs has no threshold of its own: "
        + ("0.5 is" if is_binary else "the likeliest class is")
        + " taken, and probabilities are not calibrated.",
        rule=str(thresholds.HALF) if is_binary else None,
    )
    predictors = [predictor_lib.of_run(run, point=point) for run in members]
    first = predictors[0]
    for run, own in zip(members, predictors):
        differing = [
            name
            for name in manifest_lib.PREPARATION
            if getattr(own.config, name) != getattr(first.config, name)
        ]
        if run.augment != members[0].augment:
            differing.append("how they are normalised")
        if differing:
            raise ValueError(
                "`workdir` must name runs that are fed the same image, since "
                "one model takes one. Those of the two differ in "
                f"{', '.join(differing)}. Received: workdir={first.name},"
                f"{own.name}"
            )

    def score(images: predictor_lib.Pixels) -> predictor_lib.Outputs:
        parts = [own.score(images).probabilities for own in predictors]
        return predictor_lib.Outputs(np.mean(parts, axis=0))

    return dataclasses.replace(
        first,
        name=",".join(own.name for own in predictors),
        sha256=digest(members),
        score=score,
        open_reference=None,
    )


def describe(members: Sequence[runs.Run]) -> dict[str, Any]:
    """Returns `model` of the manifest."""
    described = [_describe(run) for run in members]
    if len(members) == 1:
        return described[0]
    return {
        "network": ", ".join(run.network for run in members),
        "weights": members[0].weights,
        "num_parameters": sum(run.num_parameters for run in members),
        "sha256": digest(members),
        "rescale": members[0].augment.rescale,
        "members": described,
    }


def _describe(run: runs.Run) -> dict[str, Any]:
    precision = run.settings.get("mixed_precision", "none")
    return {
        "network": run.network,
        "weights": run.weights,
        "epoch": run.epoch,
        "num_parameters": run.num_parameters,
        "sha256": run.sha256,
        "precision": "float32" if precision == "none" else precision,
        "rescale": run.augment.rescale,
    }
