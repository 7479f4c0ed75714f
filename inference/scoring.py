"""Scores: what the network of a run says about examples."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses

import numpy as np
from numpy import typing as npt
import tensorflow as tf

from evaluation import scores as scores_lib
from inference import examples as examples_lib
from inference import predictor as predictor_lib
from inference import runs

# Called with the number of images done, and of all.
Progress = Callable[[int, int], None]


def score(
    run: runs.Run,
    examples: examples_lib.Examples,
    *,
    batch_size: int | None = None,
    progress: Progress | None = None,
    export: predictor_lib.Predictor | None = None,
) -> scores_lib.Scores:
    """Scores examples as training scored its validation.

    Args:
        run: Whose network.
        examples: What it is shown.
        batch_size: Images at a time, as in `score_at_once`; None for as many
            as in training, with which scores are those of training bit for bit
            on the same device.
        progress: Called after each batch.
        export: Of the run, asked in the place of its network.

    Returns:
        By key, in the order of the keys, wherever the images are.

    Raises:
        ValueError: If records are damaged, or a score is not finite.
    """
    if batch_size is None:
        batch_size = batch_size_of(run)
    parts = []
    done = 0
    batches = examples.batches(batch_size)
    for part in score_images(run, batches, batch_size, export=export):
        parts.append(part)
        done += len(part)
        if progress is not None:
            progress(done, len(examples))
    order = np.argsort(examples.keys, kind="stable")
    return scores_lib.Scores(
        keys=examples.keys[order],
        patients=examples.patients[order],
        labels=examples.labels[order],
        probabilities=np.concatenate(parts)[order],
        class_names=examples.class_names,
    )


def batch_size_of(run: runs.Run) -> int:
    """Returns how many images a run's network was shown at a time."""
    return int(run.settings.get("batch_size", 32))


def score_images(
    run: runs.Run,
    batches: Iterable[npt.NDArray[np.uint8]],
    batch_size: int | None = None,
    *,
    export: predictor_lib.Predictor | None = None,
) -> Iterator[npt.NDArray[np.float64]]:
    """Yields the probabilities of each batch, float64 `[batch, num_classes]`.

    Args:
        run: Whose network.
        batches: uint8 `[batch, height, width, channels]`, of the shape of the
            run's records, of any size each.
        batch_size: As in `score_at_once`; an export has its own.
        export: As in `score`.
    """
    for images in batches:
        if export is not None:
            yield export.score(images).probabilities
        else:
            yield score_at_once(run, images, batch_size)[0]


def score_at_once(
    run: runs.Run,
    images: npt.NDArray[np.uint8],
    batch_size: int | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scores images, none of which changes what is said of another.

    Kernels are chosen by the size of a batch, and round differently: one image
    alone is .0000005 off. So the network sees batches of one size; what a last
    one lacks is filled up.

    Args:
        run: Whose network.
        images: uint8 `[n, height, width, channels]`, of the shape of the run's
            records.
        batch_size: Images that the network is shown at a time; None for as
            many as in training.

    Returns:
        float64 probabilities `[n, num_classes]` and features
        `[n, num_features]`, as `runs.Run.outputs`.
    """
    size = batch_size or batch_size_of(run)
    parts = []
    for start in range(0, max(len(images), 1), size):
        batch = images[start : start + size]
        filled = batch
        if len(batch) < size:
            filled = np.zeros((size, *batch.shape[1:]), np.uint8)
            filled[: len(batch)] = batch
        outputs = run.outputs(tf.constant(filled))
        parts.append([each.numpy()[: len(batch)] for each in outputs])
    probabilities, features = (
        np.concatenate(each).astype(np.float64) for each in zip(*parts)
    )
    return probabilities, features


def mean(scores: Sequence[scores_lib.Scores]) -> scores_lib.Scores:
    """Returns the scores of an ensemble: the mean of the probabilities.

    Args:
        scores: Of each network, of the same examples.

    Raises:
        ValueError: If the examples, their labels or the classes differ; names
            the first that does.
    """
    ordered = [each.take(np.argsort(each.keys).tolist()) for each in scores]
    first = ordered[0]
    for number, other in enumerate(ordered[1:], start=2):
        if difference := _difference(first, other):
            raise ValueError(
                "The networks of an ensemble must be scored on the same "
                f"examples. Those of the first and of number {number} differ: "
                f"{difference}."
            )
    probabilities = np.mean([each.probabilities for each in ordered], axis=0)
    return dataclasses.replace(first, probabilities=probabilities)


def _difference(first: scores_lib.Scores, other: scores_lib.Scores) -> str:
    """Returns the first thing that differs in words; empty if nothing does."""
    if first.class_names != other.class_names:
        return f"classes {first.class_names} and {other.class_names}"
    missing = sorted(set(first.keys.tolist()) ^ set(other.keys.tolist()))
    if missing:
        return f"{missing[0]} is in one of them alone"
    labels = first.labels != other.labels
    if labels.any():
        key = first.keys[labels][0]
        names = [
            each.class_names[each.labels[labels][0]] for each in (first, other)
        ]
        return f"{key} is {names[0]} in the one and {names[1]} in the other"
    return ""
