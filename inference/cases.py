"""Single images of an evaluation: the worst errors and the surest hits."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import scores as scores_lib
from inference import activation_maps
from inference import ensemble as ensemble_lib
from inference import films
from inference import overlays
from inference import runs as runs_lib
from pages import data_urls
import pipeline

NUM_ERRORS = 12
NUM_HITS = 6

_MAX_SIDE = 256


def show(
    ensemble: ensemble_lib.Ensemble,
    subject: ensemble_lib.Subject,
    decided: npt.NDArray[np.int64],
) -> dict[str, list[dict[str, Any]]]:
    """Returns the `cases` of `metrics.json`.

    Args:
        ensemble: Whose maps are shown: of several networks, the first's; of an
            export, its run's.
        subject: What it was shown.
        decided: int64 `[n]`, in the order of the scores.

    Returns:
        "errors" and "hits", the surest first; each with `key`, `label`,
        `decision`, `probability` (of class 1; with more than two classes of
        that decided on), `image` and `map`, a data URL each.
    """
    scores = subject.scores
    sureness = scores.probabilities[np.arange(len(decided)), decided]
    is_error = decided != scores.labels
    chosen = {
        name: _surest(np.flatnonzero(mask), sureness)[:number]
        for name, mask, number in (
            ("errors", is_error, NUM_ERRORS),
            ("hits", ~is_error, NUM_HITS),
        )
    }
    places = np.concatenate(list(chosen.values()))
    if not len(places):
        return {"errors": [], "hits": []}
    images = subject.first.read_images(scores.keys[places].tolist())
    drawn_maps = maps(ensemble.runs[0], images, decided[places])
    drawn = iter(zip(places, images, drawn_maps))
    return {
        name: [_case(scores, decided, *next(drawn)) for _ in of_kind]
        for name, of_kind in chosen.items()
    }


def _surest(
    places: npt.NDArray[np.intp], sureness: npt.NDArray[np.float64]
) -> npt.NDArray[np.intp]:
    return places[np.argsort(-sureness[places], kind="stable")]


def maps(
    run: runs_lib.Run,
    images: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Returns what speaks for classes in images, and where.

    Args:
        run: Whose network.
        images: uint8 `[n, height, width, channels]`, as the run's records.
        classes: int64 `[n]`, class indices.

    Returns:
        float32 `[n, height, width]`, as `activation_maps.activation_maps`.
    """
    fed = pipeline.augment_features(
        {"image": images, "params": {}}, run.augment, run.statistics
    )
    return activation_maps.activation_maps(
        run.model, np.asarray(fed, np.float32), classes
    )


def _case(
    scores: scores_lib.Scores,
    decided: npt.NDArray[np.int64],
    place: int,
    image: npt.NDArray[np.uint8],
    activation_map: npt.NDArray[np.float32],
) -> dict[str, Any]:
    buffer = io.BytesIO()
    films.to_image(image).save(buffer, "PNG")
    column = 1 if len(scores.class_names) == 2 else decided[place]
    shown = image[..., 0] if image.shape[-1] == 1 else image
    return {
        "key": str(scores.keys[place]),
        "label": scores.class_names[scores.labels[place]],
        "decision": scores.class_names[decided[place]],
        "probability": float(scores.probabilities[place, column]),
        "image": data_urls.thumbnail(buffer.getvalue(), max_side=_MAX_SIDE),
        "map": overlays.overlay_url(shown, activation_map),
    }
