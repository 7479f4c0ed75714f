"""Seconds and memory of deciding over many films: duplicates, patients, splits.

    python benchmarks/decision.py --images_dir=DIR [--num_films=10000,100000]

Makes up what a build finds out of films, in columns (`curate.findings`), and
decides which are kept, and in which split. Their perceptual hashes are those
of the films of DIR and means of two of them; of a hundred films, one is a copy
of another, byte by byte, and one a near copy; three are of one patient. For
each number a process of its own prints a row of Markdown: the groups of
duplicates, seconds by the clock and of cores, bytes a film in the columns, and
the most memory the process had, less what it had before these were made.
"""

from collections.abc import Sequence
import pathlib
import resource
import subprocess
import sys
import time

from PIL import Image
from absl import app
from absl import flags
import film_files
import numpy as np

from disk import columns as columns_lib
from xray_tfds import config as config_lib
from xray_tfds import parallel
from xray_tfds.curate import curation
from xray_tfds.curate import duplicates
from xray_tfds.curate import findings as findings_lib
from xray_tfds.source import source_files

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of films.", required=True
)
_NUM_FILMS = flags.DEFINE_multi_integer(
    "num_films", [10_000, 100_000], "How many films are decided over."
)
_MAX_READ = flags.DEFINE_integer("max_read", 5000, "Most films of DIR read.")
_CHILD = flags.DEFINE_bool("child", False, "Whether this is a process for one.")

_LABELS = ("normal", "pneumonia")
_AT_ONCE = 2048


class _Files(Sequence):
    """The files of made-up films; each is made when it is asked for."""

    def __init__(self, number):
        self._number = number

    def __len__(self):
        return self._number

    def __getitem__(self, index):
        if not 0 <= index < self._number:
            raise IndexError(index)
        label = _LABELS[2 * index // self._number]
        name = f"{label}/patient{index // 3:07}_{index % 3}.jpeg"
        return source_files.SourceFile(pathlib.Path(name), name, label, None)


def _read_signatures():
    """Returns the perceptual hashes of the films of a folder."""
    paths = film_files.find(_IMAGES_DIR.value, _MAX_READ.value)

    def sign(path):
        with Image.open(path) as film:
            return duplicates.signature(film)

    data = b"".join(parallel.ordered_map(sign, paths))
    return np.frombuffer(data, np.uint8).reshape(len(paths), -1)


def _make_signatures(signatures, number, rng):
    """Returns `[number, size]`: means of two films, of which a few are near."""
    made = np.empty((number, signatures.shape[1]), np.uint8)
    values = signatures.view(np.int8)
    for start in range(0, number, _AT_ONCE):
        size = min(_AT_ONCE, number - start)
        one, other = rng.integers(len(values), size=(2, size))
        share = rng.uniform(0.3, 0.7, (size, 1)).astype(np.float32)
        mean = share * values[one] + (1 - share) * values[other]
        made[start : start + size] = (
            np.rint(mean).astype(np.int8).view(np.uint8)
        )
    copies = np.arange(1, number, 100)
    made[copies] = made[copies - 1]
    near = np.arange(51, number, 100)
    made[near] = made[near - 1] ^ (np.arange(made.shape[1]) % 9 == 0)
    return made


def _make_findings(signatures, number, rng):
    digests = rng.integers(0, 256, (number, 32), np.uint8)
    copies = np.arange(1, number, 100)
    digests[copies] = digests[copies - 1]
    columns = {
        "num_bytes": np.full(number, 500_000),
        "width": np.full(number, 1300, np.int32),
        "height": np.full(number, 1100, np.int32),
        "mean": rng.uniform(0, 255, number),
        "std": rng.uniform(0, 99, number),
        "digest": digests,
        "pixel_digest": np.zeros((number, 32), np.uint8),
        "record_digest": rng.integers(0, 256, (number, 16), np.uint8),
        "stamp": np.zeros((number, 4), np.int64),
        "signature": _make_signatures(signatures, number, rng),
    }
    texts = {"format": "JPEG", "mode": "L", "rule": "names of version 3"}
    for name in ("reason", "detail", "grey_part", *texts):
        values = [texts.get(name, "")] * number
        columns.update(columns_lib.text_columns(name, values))
    patients = (f"NORMAL-{index // 3:07}" for index in range(number))
    columns.update(columns_lib.text_columns("patient", patients))
    findings_lib.check(columns)
    return findings_lib.Findings(_Files(number), columns)


def _measure(number):
    """Prints the row of a number of films."""
    rng = np.random.default_rng(0)
    read = _read_signatures()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    findings = _make_findings(read, number, rng)
    held = sum(column.nbytes for column in findings.columns.values())
    held -= findings.columns["signature"].nbytes
    start, cpu = time.perf_counter(), time.process_time()
    result = curation.curate(findings, config_lib.XrayConfig())
    decided = time.perf_counter() - start, time.process_time() - cpu
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"| {number:,} | {len(result.clusters):,} |"
        f" {decided[0]:.1f} ({decided[1]:.1f}) | {held / number:.0f} +"
        f" {read.shape[1]} | {(most - before) / 1024:,.0f} MB |",
        flush=True,
    )


def main(argv):
    del argv  # Unused.
    if _CHILD.value:
        _measure(_NUM_FILMS.value[0])
        return
    print(
        "| films | clusters | seconds (of cores) | bytes a film, and its hash |"
        " memory |"
    )
    print("|---|---|---|---|---|", flush=True)
    for number in _NUM_FILMS.value:
        flags_ = [f"--images_dir={_IMAGES_DIR.value}", f"--num_films={number}"]
        subprocess.run(
            [sys.executable, __file__, "--child", *flags_], check=True
        )


if __name__ == "__main__":
    app.run(main)
