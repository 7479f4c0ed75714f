"""Values of the files of each class -> histograms that lie over each other."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from xray_tfds.report import reading

NUM_BINS = 32

# The middle of the values, in per cent, sets the range of a histogram, and this
# many of its widths is the most that outliers may stretch it by: a single
# panorama of 20,000 pixels would leave all others in one bin.
_MIDDLE = (1, 99)
_STRETCH = 1.5


def summarize(
    values: Mapping[tuple[str, str], Sequence[float]], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Returns histograms of all quantities, each with the same bins for all.

    Args:
        values: `(quantity, label)` -> sequence of floats.
        labels: Labels in the order to be shown.

    Returns:
        List of dicts as in the schema of `report.json`, key `distributions`;
        quantities of which no value is known are left out.
    """
    summaries = []
    for quantity, unit in reading.QUANTITIES:
        known = {
            label: np.asarray(values[quantity, label], np.float64)
            for label in labels
            if len(values.get((quantity, label), ()))
        }
        if not known:
            continue
        edges = _edges(np.concatenate(list(known.values())))
        summaries.append(
            {
                "quantity": quantity,
                "unit": unit,
                "edges": edges.tolist(),
                "labels": {
                    label: _describe(numbers, edges)
                    for label, numbers in known.items()
                },
            }
        )
    return summaries


def _edges(pooled):
    low, high = pooled.min(), pooled.max()
    start, stop = np.percentile(pooled, _MIDDLE)
    slack = _STRETCH * (stop - start)
    if slack > 0:
        low, high = max(low, start - slack), min(high, stop + slack)
    # NumPy widens an empty range by a half to both sides.
    return np.histogram_bin_edges(pooled, NUM_BINS, (low, high))


def _describe(numbers, edges):
    inside = np.clip(numbers, edges[0], edges[-1])
    return {
        "files": len(numbers),
        "minimum": float(numbers.min()),
        "median": float(np.median(numbers)),
        "maximum": float(numbers.max()),
        "counts": np.histogram(inside, edges)[0].tolist(),
    }
