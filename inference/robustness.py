"""What a network says of the same films, had another machine left them."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
from numpy import typing as npt
import tqdm.auto

from console import streams
from evaluation import figures
from inference import degradations
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import external
from inference import films as films_lib
from inference import runs as runs_lib
import xray_tfds


def measure(
    ensemble: ensemble_lib.Ensemble,
    subject: ensemble_lib.Subject,
    threshold: float | None,
) -> dict[str, Any]:
    """Returns `robustness` of `metrics.json`.

    Args:
        ensemble: Whose networks.
        subject: What they were shown, undegraded.
        threshold: That decides; None with more than two classes.
    """
    totals: dict[str, npt.NDArray[np.float64]] = {}
    measured_on, reason = "originals", ""
    for examples, indices in subject.groups():
        films = _find_films(ensemble.runs[indices[0]], examples)
        if films.measured_on == "records":
            measured_on, reason = films.measured_on, films.reason
        order = np.argsort(examples.keys, kind="stable")
        for name, sums in _score(ensemble, indices, examples, films).items():
            totals[name] = totals.get(name, 0) + sums[order]
    rows = [
        _row(each, subject, totals[each.name] / len(ensemble.runs), threshold)
        for each in degradations.DEGRADATIONS
    ]
    # The first is the film as it is.
    known = [row for row in rows[1:] if row["auc"]["value"] is not None]
    worst = min(known, key=lambda row: row["auc"]["value"], default=None)
    return {
        "measured_on": measured_on,
        "reason": reason or None,
        "rows": rows,
        "worst": worst and {"name": worst["name"], "auc": worst["auc"]},
    }


def _row(
    degradation: degradations.Degradation,
    subject: ensemble_lib.Subject,
    probabilities: npt.NDArray[np.float64],
    threshold: float | None,
) -> dict[str, Any]:
    scores = dataclasses.replace(subject.scores, probabilities=probabilities)
    auc = figures.auc_figure(
        scores.labels, scores.probabilities, scores.patients
    )
    rates = figures.figures_at(scores, threshold)
    return {
        "name": degradation.name,
        "description": degradation.description,
        "auc": auc.as_json(),
        "sensitivity": None,
        "specificity": None,
        **{rate.name: rate.as_json() for rate in rates},
    }


def _find_films(
    run: runs_lib.Run, examples: examples_lib.Examples
) -> films_lib.Films:
    keys = examples.keys.tolist()
    config = None
    if external.is_ours(run):
        config = xray_tfds.XrayConfig(**external.builder_options(run))
    return films_lib.find(
        keys,
        [examples.rows.get(key) for key in keys],
        examples.images_dir or run.flags.get("images_dir"),
        config,
        lambda: examples.batches(_BATCH_SIZE),
    )


# More of them at once take more memory, and no less time.
_BATCH_SIZE = 32


def _score(
    ensemble: ensemble_lib.Ensemble,
    indices: list[int],
    examples: examples_lib.Examples,
    films: films_lib.Films,
) -> dict[str, npt.NDArray[np.float64]]:
    """Returns sums of probabilities by degradation, in the examples' order."""
    shape = len(examples), len(examples.class_names)
    sums = {each.name: np.zeros(shape) for each in degradations.DEGRADATIONS}
    with tqdm.auto.tqdm(
        total=len(examples),
        desc="Degrading films",
        unit=" films",
        leave=False,
        disable=not streams.is_live(sys.stderr),
    ) as bar:
        for places, versions in degradations.degraded_batches(
            films,
            batch_size=_BATCH_SIZE,
            progress=lambda done: bar.update(done - bar.n),
        ):
            for name, images in versions.items():
                sums[name][places] = ensemble.predict(indices, images)
    return sums
