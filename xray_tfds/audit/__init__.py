"""What gives the label away without a look at the lungs.

    python -m xray_tfds.audit DIR

asks simple models to predict the class from what surrounds the lungs: the
file's container, the border, a histogram, an 8x8 thumbnail; and the splits of a
class from each other. Where they succeed, a network can score well and know
nothing of disease. DIR is a folder of images or the directory of prepared
records.

It prints a table and writes `audit.png` and `audit.json`, which is what
`run_audit` returns:

    {"schema": 1,
     "kind": "folder" | "records" | "metadata",   # what was audited
     "counts": {"images", "patients", "skipped": int,
                "classes": [{"label", "images", "patients"}]},
     "skipped": [{"filename", "reason"}],         # files that cannot be used
     "cautions": [str],                           # what is doubtful of a folder
     "flag_above": 0.6, "confidence": 0.95, "seed": int,
     "parts": [{
         "group": "container" | "pixels" | "splits" | "source files",
         "name": str,
         "auc", "low", "high": float or null,     # null: not measured
         "num_images", "num_patients", "num_folds": int,
         "flagged": bool,
         "verdict": one of `words.VERDICTS`,
         "meaning": str}],                        # plain words, and what to do
     "summary": [str],
     "versions": {"xray_tfds", "python", "numpy", "scikit-learn"}}

Names of files appear only among the skipped and in cautions, patients nowhere.
"""

from xray_tfds.audit.auditing import run_audit

__all__ = ["run_audit"]
