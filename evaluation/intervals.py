"""95 % intervals of shares, such as the sensitivity.

They are Wilson's (1927, JASA 22:209): never empty, never outside 0 and 1.
Images of one patient are not independent. Where patients have several, the
interval is Wilson's for the effective number: the images over the design effect
(Rao and Scott 1992, Biometrics 48:577). Of seven such intervals Franco, Little,
Louis and Slud (2019, Journal of Survey Statistics and Methodology 7:334)
recommend it, with a good estimate of that effect. Here it is the larger of two,
from the patients' totals and from the correlation within patients, and few
patients are made up for by Student's t (Korn and Graubard 1998, Survey
Methodology 24:193): `benchmarks/interval_coverage.py` has the coverage.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import figure as figure_lib

_TAIL = (1 - figure_lib.CONFIDENCE) / 2


def share_figure(
    name: str,
    hits: npt.NDArray[np.bool_],
    patients: npt.NDArray[Any],
    missing: str,
) -> figure_lib.Figure:
    """Returns the share of hits, with Wilson's interval.

    Args:
        name: Of the figure.
        hits: `[n]`.
        patients: `[n]`; examples of different patients are independent.
        missing: Why there is no value, as a sentence, if `n` is 0.
    """
    if not len(hits):
        return figure_lib.missing(name, missing)
    count, share = len(hits), float(np.mean(hits))
    num_patients = len(np.unique(patients))
    if num_patients == count:
        low, high = wilson(int(hits.sum()), count)
        reason = "Wilson's: each patient has one image."
    elif num_patients == 1:
        reason = "There is no interval: all images are of one patient."
        return figure_lib.missing(name, reason, share)
    else:
        number = effective_number(hits, patients)
        low, high = _wilson(share, number)
        reason = (
            f"Wilson's for the effective number: {count} images of"
            f" {num_patients} patients tell as much as {number:.0f}"
            " independent ones."
        )
    return figure_lib.Figure(name, share, low, high, "wilson", reason)


def wilson(successes: int, number: int) -> tuple[float, float]:
    """Returns the ends of Wilson's interval, NaN for none of none.

    Args:
        successes: 0 to `number`.
        number: Of independent examples.
    """
    from scipy import stats

    if not number:
        return math.nan, math.nan
    interval = stats.binomtest(successes, number).proportion_ci(
        figure_lib.CONFIDENCE, method="wilson"
    )
    return float(interval.low), float(interval.high)


def effective_number(
    hits: npt.NDArray[np.bool_], patients: npt.NDArray[Any]
) -> float:
    """Returns how many independent examples would tell as much of the share.

    Args:
        hits: `[n]`.
        patients: `[n]`, of at least two patients.

    Returns:
        At most n. Where all are hits, or none is, images of a patient count
        as copies.
    """
    from scipy import special

    count = len(hits)
    _, clusters, sizes = np.unique(
        patients, return_inverse=True, return_counts=True
    )
    num_patients = len(sizes)
    mean_size = np.sum(sizes**2) / count
    if hits.all() or not hits.any():
        # Kish 1965, "Survey Sampling". Nothing is estimated.
        return float(count / mean_size)
    deviations = hits - np.mean(hits)
    sums = np.bincount(clusters, deviations)
    correlation = _correlation(deviations, sums, sizes)
    totals = num_patients / (num_patients - 1) * np.sum(sums**2)
    effect = max(
        1.0,
        1 + (mean_size - 1) * correlation,
        totals / np.sum(deviations**2),
    )
    normal = special.ndtri(1 - _TAIL)
    student = special.stdtrit(num_patients - 1, 1 - _TAIL)
    return float(count / effect * (normal / student) ** 2)


def _correlation(
    deviations: npt.NDArray[Any],
    sums: npt.NDArray[Any],
    sizes: npt.NDArray[Any],
) -> float:
    """Returns the correlation within patients, 0 to 1.

    It is that of the analysis of variance (Ridout, Demetrio and Firth 1999,
    Biometrics 55:137).

    Args:
        deviations: `[n]`, from the mean.
        sums: `[patients]`, of the deviations.
        sizes: `[patients]`, numbers of examples.
    """
    count, num_patients = sizes.sum(), len(sizes)
    between = np.sum(sums**2 / sizes)
    within = max(0.0, np.sum(deviations**2) - between)
    between /= num_patients - 1
    within /= count - num_patients
    size = (count - np.sum(sizes**2) / count) / (num_patients - 1)
    correlation = (between - within) / (between + (size - 1) * within)
    return float(np.clip(correlation, 0, 1))


def _wilson(share: float, number: float) -> tuple[float, float]:
    """Returns Wilson's interval of a number that is not whole."""
    from scipy import special

    z_squared = special.ndtri(_TAIL) ** 2 / number
    middle = share + z_squared / 2
    half = math.sqrt(z_squared * (share * (1 - share) + z_squared / 4))
    low, high = (x / (1 + z_squared) for x in (middle - half, middle + half))
    return max(0.0, float(low)), min(1.0, float(high))
