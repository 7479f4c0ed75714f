"""The evaluation report: evidence about a model, on one page and in one card.

    results = {...}  # the content of metrics.json
    results["cautions"] = cautions.find(results)
    results["verdict"] = verdict.sentences(results)
    results["claim"] = claim.answer(results)
    report.write_report(results, output_dir)
    print(console.render(results, path))

Nothing is computed here but what is drawn: each number on the page is one of
`metrics.json`. Its schema (version 1; FIG is `evaluation.figure.Figure` as
JSON, what was not measured is null):

    {"schema": 1, "created": time in UTC, "title": str,
     "model": {"is_ensemble": bool, "runs": [{"workdir", "weights": "best" or
               "last", "sha256", "epoch": from 1, "network", "num_parameters",
               "settings": {flag: value}, "export": null, or {"directory",
               "format", "threshold", "rule": by which that was chosen, or
               null, "sha256": of its manifest}}]},
     "data": {"name", "split": "validation", "test" or "external",
              "images_dir", "fingerprint", "num_images", "num_patients",
              "classes": [{"name", "num_images", "num_patients"}],
              "train": {"num_images", "num_patients", "classes"},
              "excluded": [{"key", "reason"}],
              "overlap": {"seen": images that training or validation
                          holds, "patients" and "images" of patients with
                          the names of patients in training, "unknown":
                          images whose patients cannot be compared: int}},
     "threshold": {"rule", "value", "low", "high", "chosen_on": "validation" or
                   "fixed", "table": [{"rule", "value", "low", "high",
                   "sensitivity": FIG, "specificity": FIG, "is_chosen"}]},
                                    # null with more than two classes
     "figures": [FIG],              # with more than two: of all, or their means
     "per_class": [{"class", "figures": [FIG]}],   # null with two classes
     "prevalence": {"observed": float, "assumed": float or null},
     "confusion": {"counts": [[int]],              # rows true, columns decided
                   "cases": {"0,1": [key or {"key", "probability"}]}},
     "calibration": {"method": "none" or "temperature", "temperature",
                     "reason": why there is none, or a doubtful one,
                     "fitted_on", "before": REL, "after": REL},
         # REL: {"calibration_error": FIG, "bins": [{"low", "high", "count",
         #       "mean_probability", "frequency", "freq_low", "freq_high"}]}
     "curves": {"roc": {"fpr", "tpr", "low", "high"}, "precision_recall":
                {"recall", "precision", "low", "high"}},
                                    # with more than two: {class: the same}
     "histogram": {"edges": [float], "counts": {class: [int]}},
     "nulls": [{"name", "description", "auc": FIG, "difference": FIG,
                "reason"}],
     "robustness": {"measured_on": "originals" or "records", "reason": why not
                    the originals, or null, "worst": {"name", "auc": FIG},
                    "rows": [{"name", "description", "auc": FIG,
                    "sensitivity": FIG, "specificity": FIG}]},
                    # with more than two: both null, and "accuracy": FIG
     "shift": [{"class", "auc", "low", "high", "flagged", "verdict"}],
     "slices": [{"column", "value", "num_images", "num_patients",
                 "figures": [FIG], "suppressed"}],
     "comparison": {"other", "overlap": as of "data", "auc_difference": FIG,
                    "p_value", "figures": [FIG],
                    "mcnemar": {"only_this" and "only_other": images,
                    "num_patients", "p_value", "test": its name}},
     "ledger": {"openings", "models", "intact", "problem", "entries"},
     "training": [a line of the run's metrics],
     "provenance": the build's report.json, or facts.json,
     "cases": {"errors" and "hits": [{"key", "label", "decision", "probability",
               "image" and "map": data URL}]},
     "cautions": [str], "verdict": [str, str, str],
     "claim": [{"number", "section", "item", "status", "where", "answer"}],
     "flags": {name: value}, "versions": {name: version}}

A case's probability is that of class 1 of two, and that of the decision where
there are more classes; so are the scores of the histogram, but that there it is
the true class.
"""

from evaluation.report.writing import write_report

__all__ = ["write_report"]
