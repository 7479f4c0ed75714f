"""What is known of a study around its scores, made up.

The run, the films and where they come from, and how often they were looked at.
"""

import math


def make_training(num_epochs=12):
    return [
        {
            "epoch": epoch,
            "loss": 0.7 * math.exp(-epoch / 5),
            "accuracy": 0.98 - 0.4 * math.exp(-epoch / 3),
            "auc": 0.995 - 0.4 * math.exp(-epoch / 3),
            "val_loss": 0.2 + 0.5 * math.exp(-epoch / 4) + 0.004 * epoch,
            "val_accuracy": 0.9 - 0.3 * math.exp(-epoch / 3),
            "val_auc": 0.96 - 0.3 * math.exp(-epoch / 3),
            "seconds": 2.5,
        }
        for epoch in range(1, num_epochs + 1)
    ]


def make_ledger(openings=1, intact=True):
    return {
        "openings": openings,
        "models": 1,
        "intact": intact,
        "problem": None if intact else "line 2 was changed",
        "entries": [
            {
                **{"number": number, "time": "2026-11-27T22:51:17+00:00"},
                **{"models": ["01" * 32], "threshold": 0.43, "split": "test"},
            }
            for number in range(1, openings + 1)
        ],
    }


PROVENANCE = {
    "source": {"fingerprint": "ab" * 32, "num_files": 612, "num_ignored": 2},
    "splits": {"fingerprint": "cd" * 32, "kept_patients": 0},
    "counts": {
        "cells": [
            {"split": split, "label": label, "images": n, "patients": n - 20}
            for split, n in (("train", 200), ("validation", 100), ("test", 50))
            for label in ("normal", "pneumonia")
        ]
    },
    "patients": {"rules": [{"rule": "names of version 2", "files": 600}]},
    "exclusions": {
        "total": 12,
        "reasons": [
            {"reason": "truncated", "files": 3},
            {"reason": "duplicate", "files": 9},
        ],
    },
    "duplicates": {"groups": 9, "left_out": 9},
    "leaks": [],
    "options": {
        "image_size": [256, 256],
        "color_mode": "grayscale",
        "interpolation": "bilinear",
        "harmonize": "none",
        "validation": "given",
        "seed": 0,
    },
    "versions": {"xray_tfds": "0.1.0", "pillow": "12.3.0"},
    "license": "CC BY 4.0",
    "citation": "@article{kermany2018,\n  year={2018}\n}",
    "homepage": "https://doi.org/10.17632/rscbjbr9sj.2",
}


_SETTINGS = {
    "model": "lesson",
    "weights": None,
    "optimizer": "adam",
    "learning_rate": 0.005,
    "batch_size": 32,
    "monitor": "val_auc",
    "seed": 0,
    "rescale": 1 / 255,
}


def make_model():
    run = {
        "workdir": "runs/lesson",
        "weights": "best",
        "sha256": "0123456789abcdef" * 4,
        "epoch": 9,
        "network": "lesson",
        "num_parameters": 1_234_567,
        "settings": _SETTINGS,
    }
    return {"runs": [run], "is_ensemble": False}


def make_data(names, labels, split):
    def classes(number_of):
        return [
            {
                "name": name,
                "num_images": number_of(place),
                "num_patients": number_of(place) * 3 // 4,
            }
            for place, name in enumerate(names)
        ]

    here = classes(lambda place: int((labels == place).sum()))
    train = classes(lambda place: 200)
    totals = [
        {
            key: sum(each[key] for each in part)
            for key in ("num_images", "num_patients")
        }
        for part in (here, train)
    ]
    return {
        "name": "xray_tfds",
        "split": split,
        "images_dir": "films" if split == "external" else None,
        "fingerprint": "ef" * 32,
        **totals[0],
        "classes": here,
        "train": {**totals[1], "classes": train},
        "excluded": [],
        "overlap": {"seen": 0, "patients": 0, "images": 0, "unknown": 0},
    }
