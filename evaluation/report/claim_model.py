"""CLAIM on the model and its results: answers made of what the results hold.

Each returns the anchor of the section that has more, and the answer; or None
where the results do not hold it. `metrics.json` is all they read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.report import cautions
from evaluation.report import provenance
from evaluation.report import words

# Settings of a run that say how it was trained, in the order to be told.
_TRAINING = (
    *("optimizer", "learning_rate", "schedule", "batch_size", "weight_decay"),
    *("label_smoothing", "class_weight", "sampling", "seed"),
)


def model(results: words.Results) -> tuple[str, str]:
    """Names the networks, their sizes, inputs and outputs."""
    described = [
        f"{run['network']}, {run['num_parameters']:,} parameters, sha256"
        f" {run['sha256'][:12]}{_export(run)}"
        for run in results["model"]["runs"]
    ]
    return (
        "setup",
        f"{'; '.join(described)}. Output: a probability for each of"
        f" {len(words.class_names(results))} classes.",
    )


def _export(run: Mapping[str, Any]) -> str:
    export = run.get("export")
    if export is None:
        return ""
    return (
        f", asked as an export ({export['format']}, sha256"
        f" {export['sha256'][:12]})"
    )


def software(results: words.Results) -> tuple[str, str] | None:
    """Lists libraries with their versions."""
    versions = results["versions"]
    if not versions:
        return None
    listed = (f"{name} {version}" for name, version in versions.items())
    return ("setup", ", ".join(listed) + ".")


def initial_weights(results: words.Results) -> tuple[str, str] | None:
    """Says where training began."""
    all_settings = [run["settings"] or {} for run in results["model"]["runs"]]
    if not all("weights" in settings for settings in all_settings):
        return None
    starts = [
        f"{_where_begun(settings['weights'])}, seed {settings.get('seed')}"
        for settings in all_settings
    ]
    return ("setup", f"{'; '.join(starts)}.")


def _where_begun(weights: str | None) -> str:
    return f"From {weights}" if weights else "Drawn at random"


def training(results: words.Results) -> tuple[str, str] | None:
    """Lists what steers the training."""
    settings = words.settings(results)
    told = [f"{key}={settings[key]}" for key in _TRAINING if key in settings]
    if not told or not results["training"]:
        return None
    epochs = words.count(len(results["training"]), "epoch")
    whose = words.whose_training(results)
    return ("training", f"{epochs}{whose}; {', '.join(told)}.")


def final_model(results: words.Results) -> tuple[str, str]:
    """Says which epoch was kept, and by what."""
    told = [
        f"Epoch {run['epoch']}: {_how_kept(run)}."
        for run in results["model"]["runs"]
    ]
    return ("setup", " ".join(told))


def _how_kept(run: Mapping[str, Any]) -> str:
    monitor = (run["settings"] or {}).get("monitor")
    if run["weights"] != "best" or not monitor:
        return f"the {run['weights']} weights"
    if words.is_last_epoch(run):
        return "the last, which --monitor=epoch keeps"
    return f"the best by {monitor} on validation"


def ensembling(results: words.Results) -> tuple[str, str]:
    """Says how many models speak."""
    runs = results["model"]["runs"]
    if not results["model"]["is_ensemble"]:
        return ("setup", "None: one model.")
    return ("setup", f"Mean of the probabilities of {len(runs)} models.")


def measures(results: words.Results) -> tuple[str, str] | None:
    """Lists the figures."""
    names = [words.title(figure["name"]) for figure in results["figures"]]
    return ("results", words.join(names) + ".") if names else None


def uncertainty(results: words.Results) -> tuple[str, str] | None:
    """Lists the methods of the intervals."""
    used = {figure["method"] for figure in words.walk(results["figures"])}
    names = [
        name
        for method, (_, name) in words.METHODS.items()
        if method in used and method != "none"
    ]
    if not names:
        return None
    return ("results", f"95 % intervals: {'; '.join(names)}.")


def robustness(results: words.Results) -> tuple[str, str] | None:
    """Says how many degradations were tried, and the worst."""
    worst = cautions.worst_degradation(results)
    if worst is None:
        return None
    return (
        "robustness",
        f"{len(results['robustness']['rows'])} states of the films; worst:"
        f" {worst['name']}, AUC {words.with_interval(worst['auc'])}.",
    )


def explanation(results: words.Results) -> tuple[str, str] | None:
    """Says that maps are shown."""
    shown: Mapping[str, Any] = results["cases"] or {}
    maps = [
        case
        for kind in ("errors", "hits")
        for case in shown.get(kind) or ()
        if case["map"]
    ]
    if not maps:
        return None
    whose = ""
    if results["model"]["is_ensemble"]:
        whose = ", by the first network"
    elif results["model"]["runs"][0].get("export"):
        whose = ", by the run's own network"
    return ("cases", f"Class-activation maps of {len(maps)} images{whose}.")


def external(results: words.Results) -> tuple[str, str] | None:
    """Says that the images are of another source, where they are."""
    if results["data"]["split"] != "external":
        return None
    return ("results", f"This evaluation: {results['data']['name']}.")


def flow(results: words.Results) -> tuple[str, str] | None:
    """Says how many files came in and how many were evaluated."""
    build = provenance.summarize(results["provenance"])
    if build is None or build["num_files"] is None:
        return None
    return (
        "data",
        f"{build['num_files']:,} files, of which"
        f" {build['num_excluded'] or 0:,} excluded; evaluated"
        f" {results['data']['num_images']:,} images of"
        f" {words.count(results['data']['num_patients'], 'patient')}.",
    )


def performance(results: words.Results) -> tuple[str, str] | None:
    """Gives AUC in training and validation beside the evaluated one."""
    auc = words.model_auc(results)
    epoch = results["model"]["runs"][0]["epoch"]
    records = [
        record
        for record in results["training"] or ()
        if record.get("epoch") == epoch
    ]
    if auc is None or not records:
        return None
    return (
        "training",
        f"AUC in training {words.number(records[0].get('auc'))}, on validation"
        f" {words.number(records[0].get('val_auc'))} (epoch {epoch}"
        f"{words.whose_training(results)}); here"
        f" {words.with_interval(auc)}.",
    )


def accuracy(results: words.Results) -> tuple[str, str] | None:
    """Gives the figures of a diagnostic test."""
    told = [
        f"{words.title(name)} {words.with_interval(figure)}"
        for name in ("auc", "sensitivity", "specificity", "accuracy")
        if (figure := words.find(results["figures"], name))
    ]
    return ("results", "; ".join(told) + ".") if told else None


def failures(results: words.Results) -> tuple[str, str] | None:
    """Says where wrong decisions are listed and shown."""
    if results["confusion"] is None:
        return None
    counts = results["confusion"]["counts"]
    wrong = sum(
        number
        for true, row in enumerate(counts)
        for decided, number in enumerate(row)
        if true != decided
    )
    return (
        "confusion",
        f"{words.count(wrong, 'wrong decision')}, listed by cell; the"
        " strongest as images.",
    )


def limitations(results: words.Results) -> tuple[str, str]:
    """Points to cautions and limits."""
    number = len(cautions.find(results))
    return ("limits", f"{words.count(number, 'caution')}, and the limits.")
