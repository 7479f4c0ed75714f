"""The build report: what a prepared dataset is made of, on one page.

    python -m xray_tfds.report DATASET_DIR

reads `DATASET_DIR/build_report/`: `facts.json` and `files.csv`, which the build
left there, and `audit.json` where `python -m xray_tfds.audit` has written it;
and a few records of every split and class. It writes there

- `report.html`: one page that needs nothing else: no network, no script;
- `report.json`: the same content but for the pictures, with no list cut short.

Schema of `report.json` (version 1; a value that is not known is null):

    {"schema": 1,
     "dataset": {"name", "version", "config", "class_names": [str],
                 "image_shape": [height, width, channels]},
     "cautions": [str],                  # the build's, then the report's own
     "counts": {
         "splits": [str], "classes": [str],
         "cells": [{"split", "label", "images", "patients", "share"}],
                                         # share of the split's images, 0 to 1
         "totals": [{"split", "images", "patients"}],   # the last: split null
         "source_files": int, "ignored_files": int},
     "patients": {"total", "unmatched", "rules": [{"rule", "files",
                  "patients", "examples"}], "largest": [{"patient", "images",
                  "splits", "labels"}],
                  "images_per_patient": [{"images", "patients"}]},
     "exclusions": {"total", "reasons": [{"reason", "files", "labels":
                    {label: int}}], "files": [{"filename", "split", "label",
                    "reason", "detail"}]},
     "ignored": [{"filename", "reason"}],    # what is no file of the dataset
     "duplicates": {"groups", "files", "left_out", "conflicts",
                    "kinds": {kind: int}, "list": [{"kind", "conflict",
                    "members": [{"filename", "split", "label", "patient",
                    "kept"}]}]},
     "leaks": [{"kind", "splits", "files", "action"}],
     "distributions": [{"quantity", "unit", "edges": [float], "labels":
                        {label: {"files", "minimum", "median", "maximum",
                        "counts": [int]}}}],   # of the kept source files
     "containers": [{"format", "mode", "labels": {label: int}}],
     "samples": [{"split", "label", "filenames": [str]}],
     "audit": audit.json as it is, or null,
     "source": {"fingerprint", ...}, "splits": {"fingerprint", ...},
     "options": {...}, "versions": {...},
     "license", "citation", "homepage"}

`edges` and `counts` are those of `numpy.histogram`, except that the first and
the last bin also hold what lies beyond them.
"""

from xray_tfds.report.writing import ReportError
from xray_tfds.report.writing import write_report

__all__ = ["ReportError", "write_report"]
