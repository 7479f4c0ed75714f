"""Resident memory of an epoch: in memory, from TFRecord, from ArrayRecord.

    python benchmarks/memory.py --images_dir=DIR [--budget_mb=64]

Builds records of DIR in both file formats and runs an epoch of the training
split in a process of its own for each way to read it: with a budget that holds
the decoded split, and with `budget_mb`, which should not. What is printed is
the highest resident memory while the split is opened and read, above the
highest of the same pipeline over a small split that is in memory already:
TensorFlow, the compiled transforms and the batches in flight, which the second
figure in the table names, do not count.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

import pipeline  # noqa: E402
import xray_tfds  # noqa: E402

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of images.", required=True
)
_BUDGET_MB = flags.DEFINE_integer(
    "budget_mb", 64, "Memory budget in MiB of the ways that stream."
)
_MEASURE = flags.DEFINE_list(
    "measure", None, "Internal: measure this directory of records and budget."
)

_BATCH_SIZE = 32
# Enough that as many batches are in flight as there ever are.
_NUM_SMALL = 16 * _BATCH_SIZE
_CONFIG = pipeline.AugmentConfig(
    rescale=1 / 255, width_shift_range=0.05, horizontal_flip=True
)


class _PeakMemory:
    """Context that samples this process's resident memory.

    Attributes:
        start: Resident memory at entry, in MiB.
        peak: The highest sample, in MiB.
    """

    def __enter__(self):
        self._process = psutil.Process()
        self.start = self.peak = self._process.memory_info().rss / 2**20
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()

    def _sample(self):
        while not self._done.wait(0.01):
            used = self._process.memory_info().rss / 2**20
            self.peak = max(self.peak, used)


def _run_epoch(data, **options):
    ds = pipeline.make_train_dataset(
        data, "train", _CONFIG, batch_size=_BATCH_SIZE, **options
    )
    return sum(len(labels) for _, labels in ds)


def _measure(directory, budget_mb):
    """Prints images and peak of an epoch in this process, as JSON."""
    builder = tfds.builder_from_directory(directory)
    shape = builder.info.features["image"].shape
    small = pipeline.Split.from_arrays(
        np.zeros((_NUM_SMALL, *shape), np.uint8),
        np.zeros(_NUM_SMALL, np.int64),
        class_names=builder.info.features["label"].names,
        name="train",
    )
    _run_epoch(small)  # Compiles.
    with _PeakMemory() as reference:
        _run_epoch(small)
    with _PeakMemory() as measured:
        count = _run_epoch(builder, memory_budget_bytes=int(budget_mb) << 20)
    in_flight = reference.peak - reference.start
    print(json.dumps([count, in_flight, measured.peak - reference.peak]))


def _measure_apart(directory, budget_mb):
    """Measures in a process of its own; returns the figures."""
    command = [sys.executable, __file__, f"--images_dir={_IMAGES_DIR.value}"]
    command.append(f"--measure={directory},{budget_mb}")
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def _prepare(data_dir, file_format):
    builder = xray_tfds.Builder(
        data_dir=os.path.join(data_dir, file_format), file_format=file_format
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=_IMAGES_DIR.value
        )
    )
    return builder


def main(argv):
    del argv  # Unused.
    if _MEASURE.value:
        _measure(*_MEASURE.value)
        return
    print("| records | images | decoded | budget | peak | in flight | (MiB)")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as data_dir:
        for file_format in ("tfrecord", "array_record"):
            builder = _prepare(data_dir, file_format)
            pixels = int(np.prod(builder.info.features["image"].shape))
            decoded = builder.info.splits["train"].num_examples * pixels / 2**20
            for budget in (int(decoded) + 1, _BUDGET_MB.value):
                count, in_flight, peak = _measure_apart(
                    builder.data_dir, budget
                )
                print(
                    f"| {file_format} | {count} | {decoded:.0f} | {budget} |"
                    f" {peak:.0f} | {in_flight:.0f} | |",
                    flush=True,
                )


if __name__ == "__main__":
    app.run(main)
