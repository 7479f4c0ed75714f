"""Names of figures, what they mean, and how a number is written."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from evaluation import figure as figure_lib

# The content of `metrics.json`, and a figure in it.
Results = Mapping[str, Any]
Fig = Mapping[str, Any]


class Title(NamedTuple):
    """How a figure is called, and what it says in plain words."""

    name: str
    meaning: str


# `{positive}` and `{negative}` are names of classes; of more than two, each is
# k in turn.
_TITLES = {
    "auc": Title("AUC", "of all pairs, how often {positive} is ranked higher"),
    "average_precision": Title(
        "average precision", "area under precision against recall"
    ),
    "accuracy": Title("accuracy", "of all images, those decided rightly"),
    "balanced_accuracy": Title(
        "balanced accuracy", "mean of what is right in each class"
    ),
    "sensitivity": Title(
        "sensitivity", "of the {positive} images, those called {positive}"
    ),
    "specificity": Title(
        "specificity", "of the {negative} images, those called {negative}"
    ),
    "ppv": Title("PPV", "of those called {positive}, the truly {positive}"),
    "npv": Title("NPV", "of those called {negative}, the truly {negative}"),
    "ppv_at_prevalence": Title(
        "PPV, assumed", "the same, were {positive} as frequent as assumed"
    ),
    "npv_at_prevalence": Title(
        "NPV, assumed", "the same, were {positive} as frequent as assumed"
    ),
    "f1": Title("F1", "harmonic mean of PPV and sensitivity"),
    "matthews": Title("Matthews", "correlation of decision and truth"),
    "brier": Title(
        "Brier score", "squared error of the probabilities; 0 is best"
    ),
    "log_loss": Title("log loss", "mean surprise, in nats; 0 is best"),
    "calibration_error": Title(
        "calibration error", "how far probabilities are from frequencies"
    ),
}

# Of decisions on two classes.
RATES = ("sensitivity", "specificity")

# Method -> its mark and its name.
METHODS = {
    "delong": ("D", "DeLong, on the logit scale, patients kept together"),
    "wilson": ("W", "Wilson, for a proportion"),
    "bootstrap": ("B", "bootstrap of patients"),
    "none": ("–", "no interval"),
}


def title(name: str) -> str:
    """Returns how a figure is called; an unknown one by its own name."""
    known = _TITLES.get(name)
    return known.name if known else name.replace("_", " ")


def meaning(name: str, results: Results) -> str:
    """Returns what a figure says, with the classes' own names."""
    known = _TITLES.get(name)
    if known is None:
        return ""
    negative, positive = "other", "k"
    if is_binary(results):
        negative, positive = class_names(results)
    return known.meaning.format(negative=negative, positive=positive)


def class_names(results: Results) -> list[str]:
    """Returns the names of the classes in the order of their labels."""
    return [each["name"] for each in results["data"]["classes"]]


def is_binary(results: Results) -> bool:
    """Tells whether there are two classes, of which the second is positive."""
    return len(results["data"]["classes"]) == 2


def find(figures: Sequence[Fig] | None, name: str) -> Fig | None:
    """Returns the figure of that name, if it is there and has a value."""
    for figure in figures or ():
        if figure["name"] == name and figure["value"] is not None:
            return figure
    return None


def walk(value: Any) -> Iterator[Fig]:
    """Yields every figure that lies anywhere within a value."""
    if isinstance(value, Mapping):
        if {"name", "value", "low", "high", "method"} <= set(value):
            yield value
        else:
            for item in value.values():
                yield from walk(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from walk(item)


def number(value: float | None) -> str:
    """Returns three decimals; a dash for what has no value."""
    return "–" if value is None else f"{value:.3f}"


def p_value(value: float | None) -> str:
    """Returns "= 0.012" or "< 0.001"; a dash for what has no value."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def interval(figure: Fig) -> str:
    """Returns "[low, high]", or nothing where there is no interval."""
    if figure["low"] is None or figure["high"] is None:
        return ""
    return f"[{number(figure['low'])}, {number(figure['high'])}]"


def with_interval(figure: Fig | None) -> str:
    """Returns "value [low, high]"; a dash for what is not there."""
    if figure is None:
        return "–"
    return f"{number(figure['value'])} {interval(figure)}".rstrip()


def count(number_of: int, noun: str) -> str:
    """Returns such as "1 image" or "1,200 images"."""
    return f"{number_of:,} {noun}{'' if number_of == 1 else 's'}"


def join(parts: Sequence[str]) -> str:
    """Returns "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def model_auc(results: Results) -> Fig | None:
    """Returns the AUC of the model on the evaluated images."""
    return find(results["figures"], "auc")


def model_name(results: Results) -> str:
    """Returns "the network lesson" or "the ensemble of 3 networks"."""
    model = results["model"]
    if model["is_ensemble"]:
        return f"the ensemble of {len(model['runs'])} networks"
    return f"the network {model['runs'][0]['network']}"


def settings(results: Results) -> Mapping[str, Any]:
    """Returns the options of the run, of an ensemble those of its first."""
    found: Mapping[str, Any] = results["model"]["runs"][0]["settings"] or {}
    return found


def whose_probabilities(results: Results) -> str:
    """Says which figures are of calibrated probabilities, if any are."""
    if not (results["calibration"] or {}).get("after"):
        return ""
    names = join([title(name) for name in figure_lib.OF_PROBABILITIES])
    return (
        f"{names} are of the calibrated probabilities; all else is of those"
        " that the network gives."
    )


def whose_training(results: Results) -> str:
    """Returns whose the training is that is told; nothing of one network."""
    is_ensemble = results["model"]["is_ensemble"]
    return " of the first network" if is_ensemble else ""


def chosen_on_validation(results: Results) -> list[str]:
    """Returns what was chosen by the figures of validation.

    Returns:
        Of "model" and "threshold" those that were. A model was not if it is
        that of the last epoch, nor a threshold if it was given as a number.
    """
    threshold = results["threshold"]
    choices = {
        "model": any(
            run["weights"] == "best" and not is_last_epoch(run)
            for run in results["model"]["runs"]
        ),
        "threshold": threshold and threshold["chosen_on"] == "validation",
    }
    return [name for name, was_chosen in choices.items() if was_chosen]


def is_last_epoch(run: Mapping[str, Any]) -> bool:
    """Whether the best model of a run is the last one, whatever its figures."""
    return (run["settings"] or {}).get("monitor") == "epoch"
