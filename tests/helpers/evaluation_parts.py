"""Parts of the results of an evaluation, made up.

Points, curves and counts are those of made-up scores; intervals are crude, for
a report only shows them.
"""

import io
import math

from PIL import Image
import numpy as np
from sklearn import metrics

from pages import data_urls

_REASONS = {
    "delong": "Patients are the clusters.",
    "wilson": "Every patient has one image.",
    "bootstrap": "Images of one patient are not independent.",
    "none": "",
}


def make_figure(name, value, method="bootstrap", *, width=0.05, limits=(0, 1)):
    if value is None:
        return {
            **dict.fromkeys(("value", "low", "high")),
            **{"name": name, "method": "none", "reason": "No such image."},
        }
    return {
        "name": name,
        "value": float(value),
        "low": float(np.clip(value - width, *limits)),
        "high": float(np.clip(value + 0.7 * width, *limits)),
        "method": method,
        "reason": _REASONS[method],
    }


def make_scores(num_images=200, num_classes=2, seed=0):
    """Labels int `[n]` and probabilities `[n, k]`."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_images) % num_classes
    logits = generator.normal(size=(num_images, num_classes))
    logits[np.arange(num_images), labels] += 2.2
    exponentials = np.exp(logits)
    return labels, exponentials / exponentials.sum(axis=1, keepdims=True)


def make_figures(positive, scores, threshold):
    called = scores >= threshold
    (tn, fp), (fn, tp) = metrics.confusion_matrix(positive, called).tolist()
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    return [
        make_figure("auc", metrics.roc_auc_score(positive, scores), "delong"),
        make_figure(
            "average_precision",
            metrics.average_precision_score(positive, scores),
        ),
        make_figure("accuracy", (tp + tn) / len(positive)),
        make_figure("balanced_accuracy", (sensitivity + specificity) / 2),
        make_figure("sensitivity", sensitivity, width=0.09),
        make_figure("specificity", specificity, width=0.11),
        make_figure("ppv", tp / (tp + fp) if tp + fp else None),
        make_figure("npv", tn / (tn + fn) if tn + fn else None),
        make_figure("f1", metrics.f1_score(positive, called)),
        make_figure(
            "matthews",
            metrics.matthews_corrcoef(positive, called),
            limits=(-1, 1),
        ),
        make_figure("brier", np.mean((scores - positive) ** 2), width=0.02),
        make_figure(
            "log_loss",
            metrics.log_loss(positive, scores),
            limits=(0, math.inf),
        ),
        make_figure("calibration_error", 0.031, width=0.02),
    ]


def make_curves(positive, scores):
    def band(values):
        values = np.asarray(values)
        return {
            "low": np.clip(values - 0.06, 0, 1).tolist(),
            "high": np.clip(values + 0.04, 0, 1).tolist(),
        }

    fpr, tpr, _ = metrics.roc_curve(positive, scores)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    return {
        "roc": {"fpr": fpr.tolist(), "tpr": tpr.tolist(), **band(tpr)},
        "precision_recall": {
            "recall": recall.tolist(),
            "precision": precision.tolist(),
            **band(precision),
        },
    }


def make_reliability(positive, scores, error=0.031):
    bins = []
    for part in np.array_split(np.argsort(scores), 8):
        frequency = float(np.mean(positive[part]))
        bins.append(
            {
                "low": float(scores[part].min()),
                "high": float(scores[part].max()),
                "count": len(part),
                "mean_probability": float(scores[part].mean()),
                "frequency": frequency,
                "freq_low": max(0.0, frequency - 0.15),
                "freq_high": min(1.0, frequency + 0.15),
            }
        )
    figure = make_figure("calibration_error", error, width=0.02)
    return {"calibration_error": figure, "bins": bins}


def draw_film(index, size=160):
    """A picture as a data URL, and one with a glow for a map."""
    row, column = np.mgrid[0:size, 0:size] / size - 0.5
    lungs = np.exp(-(((np.abs(column) - 0.2) / 0.13) ** 2) - (row / 0.3) ** 2)
    grey = 200 - 150 * lungs + 20 * np.sin(40 * row + index)
    film = np.repeat(grey[..., None], 3, axis=-1)
    glow = np.exp(-((column - 0.2) ** 2 + (row - 0.1) ** 2) / 0.02)
    warm = film * (1 - 0.6 * glow[..., None])
    warm += glow[..., None] * np.array([150, 90, 10])
    return tuple(_encode(pixels) for pixels in (film, warm))


def _encode(pixels):
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return data_urls.encode(buffer.getvalue(), "image/jpeg")


def make_cases(keys, labels, decided, shown, names, draw=draw_film):
    """Errors by how sure they are wrong, hits likewise; six of each."""
    cases = {}
    order = np.argsort(-shown)
    for kind, wanted in (("errors", False), ("hits", True)):
        chosen = [i for i in order if (labels[i] == decided[i]) == wanted][:6]
        cases[kind] = []
        for index in chosen:
            image, heat_map = draw(index)
            cases[kind].append(
                {
                    "key": keys[index],
                    "label": names[labels[index]],
                    "decision": names[decided[index]],
                    "probability": float(shown[index]),
                    "image": image,
                    "map": heat_map,
                }
            )
    return cases


def make_confusion(keys, labels, decided, shown, num_classes):
    counts = metrics.confusion_matrix(
        labels, decided, labels=range(num_classes)
    )
    cases = {}
    for true, called in np.argwhere(counts):
        chosen = np.flatnonzero((labels == true) & (decided == called))
        cases[f"{true},{called}"] = [
            {"key": keys[i], "probability": float(shown[i])} for i in chosen
        ]
    return {"counts": counts.tolist(), "cases": cases}
