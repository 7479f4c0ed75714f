"""Results of an evaluation, made up: what `metrics.json` holds."""

import numpy as np

from evaluation.report import cautions
from evaluation.report import claim
from evaluation.report import verdict
from tests.helpers import evaluation_checks as checks
from tests.helpers import evaluation_parts as parts
from tests.helpers import study_parts


def complete(results):
    """Adds what follows from the rest."""
    results["cautions"] = cautions.find(results)
    results["verdict"] = verdict.sentences(results)
    results["claim"] = claim.answer(results)
    return results


def make_binary(
    num_images=200,
    *,
    split="validation",
    names=("normal", "pneumonia"),
    draw=parts.draw_film,
    **values,
):
    """Everything that an evaluation of two classes can hold."""
    labels, probabilities = parts.make_scores(num_images)
    scores, threshold = probabilities[:, 1], 0.43
    decided = (scores >= threshold).astype(int)
    keys = [
        f"{names[label]}/person{index}_bacteria_{index}.jpeg"
        for index, label in enumerate(labels)
    ]
    figures = parts.make_figures(labels, scores, threshold)
    table = [
        {
            "rule": rule,
            **{"value": at, "low": at - 0.08, "high": at + 0.06},
            "sensitivity": parts.make_figures(labels, scores, at)[4],
            "specificity": parts.make_figures(labels, scores, at)[5],
            "is_chosen": rule == "youden",
        }
        for rule, at in (("0.5", 0.5), ("youden", 0.43), ("0.2", 0.2))
    ]
    edges = np.linspace(0, 1, 21)
    results = {
        "schema": 1,
        "created": "2026-11-27T22:51:17+00:00",
        "title": "lesson on validation",
        "model": study_parts.make_model(),
        "data": study_parts.make_data(names, labels, split),
        "threshold": {
            **{"rule": "youden", "value": 0.43, "low": 0.35, "high": 0.49},
            "chosen_on": "validation",
            "table": table,
        },
        "figures": figures,
        "per_class": None,
        "prevalence": {"observed": float(labels.mean()), "assumed": None},
        "confusion": parts.make_confusion(keys, labels, decided, scores, 2),
        "calibration": {
            "method": "temperature",
            "temperature": 1.37,
            "reason": None,
            "fitted_on": "validation",
            "before": parts.make_reliability(labels, scores**0.5, 0.082),
            "after": parts.make_reliability(labels, scores),
        },
        "curves": parts.make_curves(labels, scores),
        "histogram": {
            "edges": edges.tolist(),
            "counts": {
                name: np.histogram(scores[labels == place], edges)[0].tolist()
                for place, name in enumerate(names)
            },
        },
        "nulls": checks.make_nulls(figures[0]["value"]),
        "robustness": checks.make_robustness(figures),
        "shift": checks.make_shift(names, (0.56, 0.52)),
        "slices": checks.make_slices(figures),
        "comparison": None,
        "ledger": None if split == "validation" else study_parts.make_ledger(),
        "training": study_parts.make_training(),
        "provenance": study_parts.PROVENANCE,
        "cases": parts.make_cases(keys, labels, decided, scores, names, draw),
        "flags": {"workdir": "runs/lesson", "split": split},
        "versions": {"python": "3.11.7", "keras": "3.15.1"},
    }
    return complete({**results, **values})


def make_multiclass(num_images=240):
    """Three classes: no threshold, each against the rest."""
    names = ("normal", "bacteria", "virus")
    labels, probabilities = parts.make_scores(num_images, 3)
    decided = probabilities.argmax(axis=1)
    shown = probabilities.max(axis=1)
    keys = [f"{names[label]}/{i}.png" for i, label in enumerate(labels)]
    per_class = [
        {
            "class": name,
            "figures": parts.make_figures(
                labels == place, probabilities[:, place], 0.5
            ),
        }
        for place, name in enumerate(names)
    ]
    means = [
        parts.make_figure(
            figure["name"],
            np.mean([each["figures"][n]["value"] for each in per_class]),
        )
        for n, figure in enumerate(per_class[0]["figures"])
    ]
    edges = np.linspace(0, 1, 11)
    own = probabilities[np.arange(num_images), labels]
    results = make_binary()
    results.update(
        title="lesson on three classes",
        data=study_parts.make_data(names, labels, "validation"),
        threshold=None,
        figures=means,
        per_class=per_class,
        prevalence=None,
        confusion=parts.make_confusion(keys, labels, decided, shown, 3),
        curves={
            name: parts.make_curves(labels == place, probabilities[:, place])
            for place, name in enumerate(names)
        },
        histogram={
            "edges": edges.tolist(),
            "counts": {
                name: np.histogram(own[labels == place], edges)[0].tolist()
                for place, name in enumerate(names)
            },
        },
        cases=parts.make_cases(keys, labels, decided, shown, names),
        robustness=checks.make_robustness(means, ("accuracy",)),
        slices=checks.make_slices(means, ("accuracy",)),
    )
    return complete(results)


def make_minimal():
    """As little as an evaluation can hold: one class, nothing besides."""
    results = make_binary(20)
    empty = dict.fromkeys(
        ("curves", "histogram", "calibration", "prevalence", "threshold")
        + ("robustness", "comparison", "ledger", "provenance", "cases")
        + ("confusion", "nulls", "slices", "shift", "training")
    )
    data = study_parts.make_data(
        ("normal", "pneumonia"), np.zeros(20, int), "validation"
    )
    results.update(
        empty,
        data={**data, "train": None, "overlap": None},
        figures=[
            parts.make_figure(figure["name"], None)
            for figure in results["figures"]
        ],
        flags={},
        versions={},
    )
    return complete(results)
