"""A run on records of films that a network can nearly tell apart."""

import pathlib
import unittest.mock

from PIL import Image
import numpy as np

from evaluation import metrics
import pipeline
from training import config as config_lib
from training import loop
import xray_tfds

SIZE = (64, 64)
COUNTS = {"train": 20, "validation": 11, "test": 7}
BATCH_SIZE = 8


def write_films(root, names, seed):
    """Writes noise; films of pneumonia are a little brighter."""
    for number, name in enumerate(names):
        path = pathlib.Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([seed, number])
        # Blocks, so that films differ for the perceptual hash, too.
        blocks = np.kron(rng.uniform(0, 120, (8, 8)), np.ones((9, 8)))
        pixels = blocks + rng.uniform(0, 40, (72, 64))
        pixels += 25 * ("pneumonia" in name) + rng.uniform(0, 30)
        Image.fromarray(pixels.astype(np.uint8)).save(path)


def write_tree(root, counts=COUNTS):
    """Writes a folder of splits, each patient with one film."""
    for seed, (split, count) in enumerate(counts.items(), start=1):
        names = [
            f"{split}/normal/IM-{seed}{i:03}-0001.png" for i in range(count)
        ] + [
            f"{split}/pneumonia/person{seed}{i:03}_virus_{i}.png"
            for i in range(count)
        ]
        write_films(root, names, seed)
    return root


def train(root, workdir, **fields):
    """Trains on the records below `root`; returns what it was scored by.

    Returns:
        Triples of labels, scores and weights, of the validation after each
        epoch.
    """
    builder = xray_tfds.prepare(
        root / "films", root / "records", image_size=SIZE
    )
    options = {
        "epochs": 2,
        "batch_size": BATCH_SIZE,
        # With seed 0 the units of so small a network die.
        "learning_rate": 0.001,
        "seed": 3,
        "augment": pipeline.AugmentConfig(rescale=1 / 255, vertical_flip=True),
    }
    config = config_lib.TrainConfig(workdir=str(workdir), **(options | fields))
    scored, auc = [], metrics.auc

    def record(labels, scores, *, sample_weight):
        scored.append((labels, scores, sample_weight))
        return auc(labels, scores, sample_weight=sample_weight)

    with unittest.mock.patch.object(metrics, "auc", record):
        loop.train_and_evaluate(
            config,
            builder,
            flagfile=f"--images_dir={root / 'films'}\n--seed=3\n"
            f"--data_dir={root / 'records'}\n--nofeaturewise_center\n",
        )
    size = 2 * COUNTS["validation"]
    validations = [each for each in scored if len(each[0]) == size]
    # The callbacks' logs are computed from the same.
    return validations[:: len(validations) // config.epochs]


def train_three_classes(root):
    """A run of three classes with names that trouble CSV, HTML and shells."""
    names = ('a,"b"', "<script>alert(1)<_script>", "=cmd|x")
    for seed, (split, count) in enumerate(
        {"train": 10, "validation": 6, "test": 4}.items()
    ):
        for number, name in enumerate(names):
            films = [
                f"{split}/{name}/P{seed}{number}{i}\n,'\r=.png"
                for i in range(count)
            ]
            write_films(root / "films", films, 10 * seed + number)
    builder = xray_tfds.prepare(
        root / "films",
        root / "records",
        image_size=SIZE,
        class_names=names,
    )
    config = config_lib.TrainConfig(
        workdir=str(root / "run"),
        epochs=1,
        batch_size=8,
        augment=pipeline.AugmentConfig(rescale=1 / 255),
    )
    loop.train_and_evaluate(
        config, builder, flagfile=f"--images_dir={root / 'films'}\n"
    )
    return root / "run", names
