"""What a run keeps of its threshold, and of what it is the threshold."""

from __future__ import annotations

import dataclasses
import math
from typing import Any
from typing import Literal

import numpy as np

from evaluation import scores as scores_lib
from evaluation import thresholds

SCHEMA = 1


def to_json(
    threshold: thresholds.Threshold,
    scores: scores_lib.Scores,
    *,
    data_fingerprint: str,
    model_sha256: str,
) -> dict[str, Any]:
    """Returns what a run keeps of its threshold.

    Args:
        threshold: To keep.
        scores: Of the validation split, which it was chosen from.
        data_fingerprint: Of that split.
        model_sha256: Of the weights that gave the scores.
    """
    values = dataclasses.asdict(threshold)
    return {
        "schema": SCHEMA,
        # JSON has no NaN.
        **{k: None if v != v else v for k, v in values.items()},
        "num_images": len(scores.keys),
        "num_patients": len(np.unique(scores.patients)),
        "data_fingerprint": data_fingerprint,
        "model_sha256": model_sha256,
    }


def from_json(
    content: Any, *, data_fingerprint: str, model_sha256: str
) -> thresholds.Threshold:
    """Returns the threshold that `to_json` was given.

    Args:
        content: What the run keeps.
        data_fingerprint: Of its validation split, as it is now.
        model_sha256: Of its weights, as they are now.

    Raises:
        ValueError: If the content is damaged, or of other data or weights; the
            threshold is to be chosen again then.
    """
    try:
        if content["schema"] != SCHEMA:
            raise ValueError(f'"schema" is {content["schema"]!r:.40}')
        numbers = {
            name: math.nan if content[name] is None else float(content[name])
            for name in ("value", "low", "high")
        }
        if not all(math.isnan(x) or 0 <= x <= 1 for x in numbers.values()):
            raise ValueError(f"the values are {numbers}")
        rule = thresholds.parse(content["rule"])
        chosen_on: Literal["validation", "fixed"] = (
            "fixed" if rule.kind == "fixed" else "validation"
        )
        made_of = content["data_fingerprint"], content["model_sha256"]
        threshold = thresholds.Threshold(
            str(rule),
            **numbers,
            chosen_on=chosen_on,
            reason=str(content["reason"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The stored threshold cannot be read: {error!r:.120}"
        ) from error
    now = data_fingerprint, model_sha256
    for what, then, here in zip(("validation split", "model"), made_of, now):
        if then != here:
            raise ValueError(
                f"The stored threshold is of another {what}: {then!r:.80},"
                f" and this one is {here!r:.80}."
            )
    return threshold
