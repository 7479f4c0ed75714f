"""Scores of a network that does not exist."""

import numpy as np

from evaluation import scores as scores_lib


def make(
    rng, *, num_images=200, num_patients=None, decimals=None, separation=1.5
):
    """Returns `Scores` of two classes, each patient of one of them.

    Args:
        rng: Draws them.
        num_images: How many.
        num_patients: Of whom; as many as images if not given.
        decimals: To round the probabilities to, for ties.
        separation: Of the classes, in standard deviations.
    """
    num_patients = num_patients or num_images
    patients = np.arange(num_images) % num_patients
    labels = (patients % 2).astype(np.int64)
    logits = rng.normal(separation * (labels - 0.5))
    positive = 1 / (1 + np.exp(-logits))
    if decimals is not None:
        positive = np.round(positive, decimals)
    return of_positive(labels, positive, patients=patients)


def of_positive(labels, positive, *, patients=None):
    """Returns `Scores` of given probabilities of class 1."""
    labels, positive = np.asarray(labels), np.asarray(positive, np.float64)
    count = np.arange(len(labels))
    patients = count if patients is None else patients
    return scores_lib.Scores(
        keys=np.array([f"k{index:05}.png" for index in count]),
        patients=np.array([f"p{patient:05}" for patient in patients]),
        labels=labels.astype(np.int64),
        probabilities=np.stack([1 - positive, positive], axis=1),
        class_names=("normal", "pneumonia"),
    )
