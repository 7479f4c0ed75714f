"""How well simple features separate classes: AUC, with its interval.

Each image is scored by a model that has seen no image of its patient. The AUC
is that of all these scores, and its interval has three ingredients:

- The variance is DeLong's, clustered by patient (`auc`). No resampling, so
  that equal data give equal intervals, in a fraction of a bootstrap's time.
- It takes the scores as given, though the k models were fitted to the same
  patients. Nadeau and Bengio (2003, Machine Learning 52:239) correct for that:
  times 1 + k / (k - 1), 2.25 for five folds. Of intervals without it 79 to 92 %
  contain what they should instead of 95 %, with it 95 to 99 %
  (`benchmarks/audit_intervals.py`, 60 and 300 patients).
- It is symmetric in log(AUC / (1 - AUC)), so that it stays within 0 and 1.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy import typing as npt
from sklearn import linear_model
from sklearn import pipeline
from sklearn import preprocessing

from evaluation import auc as auc_lib

MAX_FOLDS = 5

# Strength of the ridge on standardized features. On the real films .01 to 1
# change no AUC by more than .02 (border, histogram and thumbnail, 500 and 5,216
# images); .1 is best or within .003 of the best but for .007 once.
_INVERSE_RIDGE = 0.1

# With so few features squares and products are added: then also a class whose
# values lie between those of the other is found.
_MAX_SQUARED = 12


class NotMeasurableError(ValueError):
    """Data that no AUC can be had from; says why."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """An AUC.

    Attributes:
        auc: 0 to 1; with more than two classes the mean over the classes, each
            against all others.
        low: Lower end of the interval.
        high: Upper end of the interval.
        num_folds: Of the cross-validation; 0 if the features are constant, and
            the AUC .5 without any model.
    """

    auc: float
    low: float
    high: float
    num_folds: int


def estimate_auc(
    features: npt.NDArray[Any],
    targets: npt.NDArray[Any],
    groups: npt.NDArray[Any],
    *,
    seed: int = 0,
) -> Estimate:
    """Cross-validates and returns an `Estimate`.

    Args:
        features: float `[n, d]`.
        targets: int `[n]`, class indices; those that do not occur count for
            nothing.
        groups: str `[n]`, patients.
        seed: Chooses which patients share a fold.

    Raises:
        NotMeasurableError: If there are no images, or a class has fewer than
            two patients.
    """
    if not len(targets):
        raise NotMeasurableError("there are no images.")
    _, targets = np.unique(targets, return_inverse=True)
    num_classes = int(targets.max()) + 1
    smallest = auc_lib.smallest_class(targets, groups, num_classes)
    if num_classes < 2 or smallest < 2:
        raise NotMeasurableError(
            "cross-validation needs two patients of each class, and there "
            + ("is one." if num_classes > 1 else "is one class.")
        )
    if np.all(np.ptp(features, axis=0) == 0):
        return Estimate(0.5, 0.5, 0.5, num_folds=0)
    num_folds = min(MAX_FOLDS, smallest)
    scores = cross_validate(
        features, targets, groups, num_folds=num_folds, seed=seed
    )
    auc, variance = auc_lib.clustered_auc(targets, scores, groups)
    low, high = auc_lib.interval(
        auc, variance * (1 + num_folds / (num_folds - 1)), smallest
    )
    return Estimate(auc, low, high, num_folds)


def cross_validate(
    features: npt.NDArray[Any],
    targets: npt.NDArray[Any],
    groups: npt.NDArray[Any],
    *,
    num_folds: int,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """Scores every image by a model that has not seen its patient.

    The model is a logistic regression with balanced classes: the share of the
    classes in a fold must not show in its scores, as they are ranked together.

    Args:
        features: float `[n, d]`.
        targets: int `[n]`, class indices from 0.
        groups: str `[n]`.
        num_folds: 2 to the number of patients of the smallest class.
        seed: Chooses which patients share a fold.

    Returns:
        float64 `[n, classes]`; a higher score speaks for the class.

    Raises:
        NotMeasurableError: If the patients do not divide so that each model
            sees all classes.
    """
    num_classes = int(targets.max()) + 1
    scores = np.zeros((len(targets), num_classes))
    folds = _deal_patients(targets, groups, num_folds=num_folds, seed=seed)
    for fold in range(num_folds):
        train, test = folds != fold, folds == fold
        if len(np.unique(targets[train])) < num_classes:
            raise NotMeasurableError(
                "too few patients: a class lies in one fold of the"
                " cross-validation."
            )
        model = make_model(features.shape[1])
        model.fit(features[train], targets[train])
        values = model.decision_function(features[test])
        if num_classes == 2:
            values = np.stack([-values, values], axis=1)
        scores[test] = values
    return scores


def _deal_patients(
    targets: npt.NDArray[Any],
    groups: npt.NDArray[Any],
    *,
    num_folds: int,
    seed: int,
) -> npt.NDArray[np.int_]:
    """Returns int `[n]`, the fold of each image: that of its patient.

    As in scikit-learn's `StratifiedGroupKFold`, patients with most images come
    first, equal ones in random order, and each goes where it leaves the shares
    of the classes most alike: where the sum of their squares grows least. That
    class itself deals otherwise in version 1.9 than in 1.7, and the AUC of the
    public films' aspect was .875 or .873 with it.
    """
    names, patients = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(targets.max()) + 1))
    np.add.at(counts, (patients, targets), 1)
    shares = counts / counts.sum(axis=0)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts.sum(axis=1)[order], kind="stable")]
    filled = np.zeros((num_folds, counts.shape[1]))
    folds = np.zeros(len(names), int)
    for patient in order:
        folds[patient] = np.argmin(filled @ shares[patient])
        filled[folds[patient]] += shares[patient]
    return folds[patients]


def make_model(num_features: int) -> pipeline.Pipeline:
    """Returns the model, not fitted: for the classes 0, 1, ... in equal shares.

    Args:
        num_features: Of an example.
    """
    steps = [preprocessing.StandardScaler()]
    if num_features <= _MAX_SQUARED:
        steps += [
            preprocessing.PolynomialFeatures(2, include_bias=False),
            preprocessing.StandardScaler(),
        ]
    steps.append(
        linear_model.LogisticRegression(
            C=_INVERSE_RIDGE, class_weight="balanced", max_iter=1000
        )
    )
    return pipeline.make_pipeline(*steps)
