"""From which probability on an image is called positive, and how sure that is.

The decision is `probability >= threshold`, on the probabilities as the network
gives them: they are never warped to make .5 the threshold. A threshold is
chosen from the scores of *validation*, never of what is evaluated.

Only which scores lie above a threshold matters, so a rule chooses a gap between
two neighbouring scores, and the threshold is the middle of it: no decision
about a validation image hangs on the last bit of a float32. Below the lowest
score the neighbour is 0, above the highest 1.

    0.5, or any number between   that number
    youden                       sensitivity + specificity is highest (Youden
                                 1950, Cancer 3:32)
    sensitivity>=0.95            the highest threshold that reaches it, hence
                                 the best specificity
    specificity>=0.9             the lowest threshold that reaches it, hence
                                 the best sensitivity

Of several gaps that are equally good for `youden` it is the highest. Images of
equal score are decided alike, so a bound may be passed by more than it asks.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Literal

import numpy as np
from numpy import typing as npt

from evaluation import bootstrap
from evaluation import figure
from evaluation import scores as scores_lib

FORMS = "0.5, youden, sensitivity>=0.95, specificity>=0.9 or another number"

_NUMBER = r"\d+\.?\d*(?:e-?\d+)?|\.\d+(?:e-?\d+)?"
_BOUND = re.compile(rf"(sensitivity|specificity)\s*>=\s*({_NUMBER})", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Rule:
    """How a threshold is chosen.

    Attributes:
        kind: "fixed" is chosen by nothing.
        bound: What is to be reached, or the fixed threshold; NaN for "youden".
    """

    kind: Literal["fixed", "youden", "sensitivity", "specificity"]
    bound: float = math.nan

    def __str__(self) -> str:
        """Returns the one text of this rule, which `parse` reads."""
        number = repr(self.bound).removesuffix(".0")
        if self.kind in ("sensitivity", "specificity"):
            return f"{self.kind}>={number}"
        return number if self.kind == "fixed" else self.kind


HALF = Rule("fixed", 0.5)
YOUDEN = Rule("youden")


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A threshold, and how much other patients would have moved it.

    Attributes:
        rule: The text of its rule.
        value: From this probability on an image is called positive; NaN where
            no threshold does what the rule asks for.
        low: The 2.5 % quantile over resampled validation patients; the value
            itself where the rule is a number; NaN where it is not known.
        high: The 97.5 % quantile.
        chosen_on: The split, or "fixed" where the rule is a number.
        reason: Why there is no value, as a sentence, or empty.
    """

    rule: str
    value: float
    low: float
    high: float
    chosen_on: Literal["validation", "fixed"]
    reason: str = ""


def parse(text: str) -> Rule:
    """Reads a rule, such as `sensitivity>=0.95`.

    Raises:
        ValueError: If it is none of `FORMS`.
    """
    plain = text.strip().lower()
    if plain == "youden":
        return YOUDEN
    if re.fullmatch(_NUMBER, plain, re.ASCII):
        if 0 < float(plain) < 1:
            return Rule("fixed", float(plain))
        raise _not_a_rule(text, "A number lies between 0 and 1, without them.")
    if match := _BOUND.fullmatch(plain):
        kind, bound = match[1], float(match[2])
        if 0 < bound <= 1:
            return Rule(
                "sensitivity" if kind == "sensitivity" else "specificity",
                bound,
            )
        raise _not_a_rule(text, f"A {kind} lies above 0 and not above 1.")
    raise _not_a_rule(text, "")


def _not_a_rule(text: str, hint: str) -> ValueError:
    return ValueError(
        f"`threshold` must be {FORMS} between 0 and 1. "
        f"{hint}{' ' if hint else ''}Received: threshold={text!r:.80}"
    )


def side_by_side(asked: Rule) -> tuple[Rule, ...]:
    """Returns the rules to be shown: 0.5, youden and what was asked for."""
    return tuple(dict.fromkeys((HALF, YOUDEN, asked)))


def choose(
    rule: Rule,
    scores: scores_lib.Scores,
    *,
    num_rounds: int = bootstrap.NUM_ROUNDS,
    seed: int = 0,
) -> Threshold:
    """Chooses a threshold from the scores of validation.

    Args:
        rule: What to choose by; a number needs no scores and ignores them.
        scores: Of the validation split, two classes.
        num_rounds: How often patients are drawn for the spread.
        seed: Of these draws.

    Raises:
        ValueError: If there are more than two classes.
    """
    if rule.kind == "fixed":
        return Threshold(str(rule), rule.bound, rule.bound, rule.bound, "fixed")
    if len(scores.class_names) != 2:
        raise ValueError(
            "`threshold` needs two classes; with more, the class of the highest"
            " probability is decided for. Received: "
            f"class_names={list(scores.class_names)}"
        )
    for label, name in enumerate(scores.class_names):
        if not (scores.labels == label).any():
            return _none(rule, f"No image of validation is of class {name}.")
    value = float(_of_rounds(rule, scores, np.ones((1, len(scores.keys))))[0])
    if math.isnan(value):
        return _none(
            rule,
            "No threshold does what the rule asks for: it would lie above the"
            " highest probability, which is 1.",
        )
    rounds = np.concatenate(
        [
            _of_rounds(rule, scores, weights)
            for chunk in bootstrap.weight_chunks(
                scores.patients, num_rounds=num_rounds, seed=seed
            )
            # Several arrays of a chunk's size are needed at once.
            for weights in np.array_split(chunk, 1 + chunk.nbytes // 2**23)
            if len(weights)
        ]
    )
    # A round without one of the classes has no threshold.
    rounds = rounds[np.isfinite(rounds)]
    tail = (1 - figure.CONFIDENCE) / 2
    low, high = (
        np.quantile(rounds, (tail, 1 - tail))
        if len(rounds)
        else (math.nan, math.nan)
    )
    return Threshold(str(rule), value, float(low), float(high), "validation")


def _none(rule: Rule, reason: str) -> Threshold:
    nan = math.nan
    return Threshold(str(rule), nan, nan, nan, "validation", reason)


def _of_rounds(
    rule: Rule,
    scores: scores_lib.Scores,
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Returns the threshold of each round.

    Args:
        rule: Not a number.
        scores: Of two classes.
        weights: `[rounds, n]`, how often each example is in each round.

    Returns:
        float64 `[rounds]`; NaN where a round has none.
    """
    # Distinct scores from the highest down, and how much of each class lies at
    # or above each of them.
    values, places = np.unique(-scores.positive, return_inverse=True)
    values = -values
    is_positive = scores.labels == 1
    accepted = [
        _accumulate(weights[:, own], places[own], len(values))
        for own in (~is_positive, is_positive)
    ]
    false_alarms, hits = accepted
    cuts = _cuts(rule, false_alarms, hits)
    thresholds = _middles(values, false_alarms + hits, cuts)
    is_complete = (false_alarms[:, -1] > 0) & (hits[:, -1] > 0)
    return np.where(is_complete, thresholds, np.nan)


def _accumulate(
    weights: npt.NDArray[np.float64], places: npt.NDArray[np.intp], count: int
) -> npt.NDArray[np.float64]:
    """Returns `[rounds, count + 1]`: weight of the first 0, 1, ..."""
    order = np.argsort(places, kind="stable")
    sums = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights[:, order], axis=1, out=sums[:, 1:])
    ends = np.searchsorted(places[order], np.arange(count + 1), side="left")
    return sums[:, ends]


def _cuts(
    rule: Rule,
    false_alarms: npt.NDArray[np.float64],
    hits: npt.NDArray[np.float64],
) -> npt.NDArray[np.intp]:
    """Returns how many of the highest values each round calls positive.

    Args:
        rule: Not a number.
        false_alarms: `[rounds, values + 1]`, by how many are called positive.
        hits: Likewise.
    """
    negatives, positives = false_alarms[:, -1:], hits[:, -1:]
    if rule.kind == "youden":
        # Products of counts are exact, quotients are not: ties stay ties.
        gain = hits * negatives - false_alarms * positives
        return np.asarray(np.argmax(gain, axis=1))
    # Quotients, not products: 7 / 100 is the float that 0.07 is read as.
    with np.errstate(invalid="ignore"):  # Of rounds without a class.
        if rule.kind == "sensitivity":
            return np.asarray(np.argmax(hits / positives >= rule.bound, axis=1))
        reached = (negatives - false_alarms) / negatives >= rule.bound
    # It falls from 1, so these are the first ones; the last of them is it.
    return np.asarray(np.sum(reached, axis=1) - 1)


def _middles(
    values: npt.NDArray[np.float64],
    accepted: npt.NDArray[np.float64],
    cuts: npt.NDArray[np.intp],
) -> npt.NDArray[np.float64]:
    """Returns the middle of the gap that each cut lies in.

    Args:
        values: `[values]`, distinct, descending.
        accepted: `[rounds, values + 1]`, the weight of the first 0, 1, ...
        cuts: `[rounds]`, how many values are called positive.
    """
    at_cut = np.take_along_axis(accepted, cuts[:, np.newaxis], axis=1)
    # Values that a round has not drawn do not bound its gap.
    last_above = np.argmax(accepted >= at_cut, axis=1) - 1
    first_below = np.sum(accepted <= at_cut, axis=1) - 1
    upper = np.where(last_above < 0, 1.0, values[last_above])
    lower = np.append(values, 0.0)[first_below]
    middle = (upper + lower) / 2
    # Between neighbouring floats there is no middle; the upper one still
    # separates them, but where it is the end of the scale.
    middle = np.where(middle > lower, middle, upper)
    return np.where((last_above < 0) & (lower >= 1), np.nan, middle)
