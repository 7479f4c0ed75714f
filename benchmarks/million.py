"""What a run over a million records costs before its first step, and after.

    python benchmarks/million.py --workdir=DIR [--num_examples=1000000]

Writes records of small made-up images into DIR (4 GB for each file format; a
second call finds them) by the writer that a build has, and 500 more. Then, for
each file format,

- `train.py` with balanced class weights is started over both until its first
  step is done: seconds from the command, and resident memory then. The same
  without the columns that lie beside the records, as before there were any;
- batches are made, augmented, of an epoch in order and of one that is shuffled:
  seconds to the first, and images per second.

They take turns. Prints the median, minimum and maximum of `repeats`.
"""

import functools
import io
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from PIL import Image  # noqa: E402
from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

from disk import example_columns  # noqa: E402
import pipeline  # noqa: E402
import xray_tfds  # noqa: E402
from xray_tfds.curate import examine  # noqa: E402
from xray_tfds.records import example_files  # noqa: E402
from xray_tfds.records import examples  # noqa: E402
from xray_tfds.records import shards  # noqa: E402
from xray_tfds.source import patients  # noqa: E402
from xray_tfds.source import source_files  # noqa: E402

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where records are written and kept.", required=True
)
_NUM_EXAMPLES = flags.DEFINE_integer(
    "num_examples", 1_000_000, "Of the large split.", lower_bound=500
)
_BUDGET_GB = flags.DEFINE_float(
    "memory_budget_gb", 1.0, "Less than the decoded images.", lower_bound=0.0
)
_NUM_BATCHES = flags.DEFINE_integer(
    "num_batches", 1000, "Of a rate.", lower_bound=1
)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Counted turns.", lower_bound=1)

_FORMATS = ("tfrecord", "array_record")
_NUM_SMALL = 500
_NUM_VALIDATION = 100
_SIZE = (64, 64)
_BATCH_SIZE = 32
_ROOT = pathlib.Path(__file__).parents[1]
_FIRST_STEP = "First step"
_CONFIG = xray_tfds.XrayConfig(image_size=_SIZE)
_AUGMENT = pipeline.AugmentConfig(
    rescale=1 / 255, width_shift_range=0.05, horizontal_flip=True
)


class _Films:
    """Made-up films, three of a patient, and one PNG for every thousand."""

    def __init__(self, number):
        generator = np.random.default_rng(0)
        self._number = number
        self._pngs = []
        for values in generator.integers(0, 256, (1000, *_SIZE), np.uint8):
            png = io.BytesIO()
            Image.fromarray(values).save(png, "png", compress_level=0)
            self._pngs.append(png.getvalue())

    def __len__(self):
        return self._number

    def __getitem__(self, index):
        label = _CONFIG.class_names[index % 4 > 0]  # One in four is normal.
        name = f"{label}/film-{index:08}.png"
        file = source_files.SourceFile(pathlib.Path(name), name, label, None)
        patient = patients.Patient(f"patient-{index // 3}", patients.NO_RULE)
        return examine.ExaminedFile(file, patient, len(self.png(index)))

    def png(self, index):
        return self._pngs[index % len(self._pngs)]


class _Owners:
    """The file of each film and its patient, as `Findings.owned`."""

    def __init__(self, films):
        self._films = films

    def __getitem__(self, index):
        film = self._films[index]
        return film.file, film.patient


def _prepare(number, file_format):
    """Returns a builder whose training split has so many records."""
    builder = xray_tfds.Builder(
        data_dir=os.path.join(_WORKDIR.value, f"{file_format}-{number}"),
        config=_CONFIG,
        file_format=file_format,
    )
    if builder.is_prepared():
        return builder
    print(f"Writing {number:,} records ({file_format})", file=sys.stderr)
    films = _Films(number + _NUM_VALIDATION)
    serializer = examples.Serializer(_CONFIG)
    size = len(serializer.serialize(films[0], films.png(0)))
    examination: Any = types.SimpleNamespace(
        place_of=lambda index: example_files.Place("", 0, size),
        example_of=lambda index: serializer.serialize(
            films[index], films.png(index)
        ),
        files=types.SimpleNamespace(owned=_Owners(films)),
        config=_CONFIG,
        source=types.SimpleNamespace(fingerprint=f"made up {number}"),
    )
    os.makedirs(builder.data_dir)
    infos = shards.write(
        {
            "train": ((str(i), i) for i in range(number)),
            "validation": ((str(i), i) for i in range(number, len(films))),
        },
        examination,
        builder._get_filename_template,
        tfds.download.DownloadConfig(),
        builder._example_writer(),
    )
    builder.info.metadata.update(
        fingerprint=examination.source.fingerprint, num_files=len(films)
    )
    builder.info.set_splits(tfds.core.SplitDict(infos))
    builder.info.write_to_directory(builder.data_dir)
    return builder


def _start_run(builder):
    """Returns seconds to the end of the first step, and MiB of memory."""
    command = [
        *(sys.executable, "train.py", f"--dataset=xray_tfds/{_CONFIG.name}"),
        *(f"--data_dir={builder.data_dir_root}", "--class_weight=balanced"),
        *(f"--memory_budget_gb={_BUDGET_GB.value}", "--epochs=1"),
        f"--batch_size={_BATCH_SIZE}",
    ]
    with tempfile.TemporaryDirectory() as workdir:
        start = time.perf_counter()
        process = subprocess.Popen(
            [*command, f"--workdir={workdir}/run"],
            cwd=_ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if _FIRST_STEP in line:
                break
        else:
            sys.exit("".join(said))
        seconds = time.perf_counter() - start
        memory = psutil.Process(process.pid).memory_info()
        process.kill()
        process.communicate()
    return seconds, memory.rss / 2**20


def _hide_columns(builder, hide):
    """Renames the columns of the training split away, or back."""
    path = example_columns.path_of(builder.data_path, "train")
    names = (path, path.with_suffix(".hidden"))
    source, target = names if hide else names[::-1]
    if source.exists():
        source.rename(target)


def _print_starts(file_format, builders):
    cases = [
        (f"{_NUM_SMALL:,}", builders[0], False),
        (f"{_NUM_EXAMPLES.value:,}", builders[1], False),
        (f"{_NUM_EXAMPLES.value:,}, no columns", builders[1], True),
    ]
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(_REPEATS.value):
        for name, builder, hide in cases:
            _hide_columns(builder, hide)
            found.setdefault(name, []).append(_start_run(builder))
            _hide_columns(builder, False)
    for name, runs in found.items():
        seconds, memory = zip(*runs)
        print(
            f"| {file_format}, {name} | {_spread(seconds, '.1f')} |"
            f" {_spread(memory, ',.0f')} |",
            flush=True,
        )


def _rate(batches):
    """Returns images per second of the next batches."""
    start = time.perf_counter()
    for _ in range(_NUM_BATCHES.value):
        next(batches)
    return _NUM_BATCHES.value * _BATCH_SIZE / (time.perf_counter() - start)


def _print_rates(file_format, builder):
    make = functools.partial(
        pipeline.make_train_dataset,
        builder,
        "train",
        _AUGMENT,
        batch_size=_BATCH_SIZE,
        memory_budget_bytes=int(_BUDGET_GB.value * 2**30),
    )
    orders = {"in order": False, "shuffled": True}
    batches = {
        name: iter(make(shuffle=shuffle).repeat())
        for name, shuffle in orders.items()
    }
    waits: dict[str, float] = {}
    rates: dict[str, list[float]] = {name: [] for name in orders}
    for name, iterator in batches.items():
        start = time.perf_counter()
        next(iterator)
        waits[name] = time.perf_counter() - start
    for _ in range(_REPEATS.value):
        for name, iterator in batches.items():
            rates[name].append(_rate(iterator))
    for name, values in rates.items():
        print(
            f"| {file_format}, {name} | {waits[name]:.1f} |"
            f" {_spread(values, ',.0f')} |",
            flush=True,
        )


def _spread(values, spec):
    median, low, high = (
        format(function(values), spec)
        for function in (statistics.median, min, max)
    )
    return f"{median} ({low} to {high})"


def main(argv):
    del argv  # Unused.
    builders = {
        file_format: [
            _prepare(number, file_format)
            for number in (_NUM_SMALL, _NUM_EXAMPLES.value)
        ]
        for file_format in _FORMATS
    }
    print("| records | first step, s | memory, MiB |\n|---|---|---|")
    for file_format in _FORMATS:
        _print_starts(file_format, builders[file_format])
    print("\n| order | first batch, s | images/s |\n|---|---|---|")
    for file_format in _FORMATS:
        _print_rates(file_format, builders[file_format][1])


if __name__ == "__main__":
    app.run(main)
