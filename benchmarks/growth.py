"""How a build, the next and one of a hundred films more grow with the films.

    python benchmarks/growth.py --images_dir=DIR [--num_films=1000,10000,100000]
        [--side=128]

Makes folders of square films, means of two of DIR, three of a patient, and
prepares each of them in processes of its own: at first; again, with nothing
changed; and with 100 films more. Prints seconds by the clock and of cores, and
the highest resident memory. Each process imports TensorFlow, which the row of
the fewest films shows.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

from PIL import Image
from absl import app
from absl import flags
import film_files
import numpy as np

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of films.", required=True
)
_NUM_FILMS = flags.DEFINE_list(
    "num_films", ["1000", "10000", "100000"], "How many films are built."
)
_SIDE = flags.DEFINE_integer(
    "side", 128, "Height and width of the films, in pixels.", lower_bound=64
)

_LABELS = ("normal", "pneumonia")
_MAX_RECORD_SIDE = 256
_MAX_READ = 5000
_NUM_ADDED = 100
_ROOT = pathlib.Path(__file__).parents[1]
_PREPARE = """
import sys, xray_tfds
images_dir, data_dir, side = sys.argv[1:]
xray_tfds.prepare(images_dir, data_dir, image_size=(int(side), int(side)))
"""


def _read_films():
    """Returns uint8 `[num_films, height, width]` of a folder.

    They are small: what a process is said to have taken is at least what the
    one had that started it.
    """
    films, side = [], min(_SIDE.value, _MAX_RECORD_SIDE)
    for path in film_files.find(_IMAGES_DIR.value, _MAX_READ):
        with Image.open(path) as film:
            films.append(np.asarray(film.convert("L").resize((side, side))))
    return np.stack(films)


def _write_films(root, films, numbers):
    """Writes the made-up films of the given numbers."""
    for number in numbers:
        rng = np.random.default_rng(number)
        one, other = films[rng.integers(len(films), size=2)]
        share = rng.uniform(0.3, 0.7)
        mean = np.rint(share * one + (1 - share) * other).astype(np.uint8)
        folder = root / _LABELS[number // 3 % 2]
        folder.mkdir(parents=True, exist_ok=True)
        name = f"person{number // 3}_bacteria_{number}.jpeg"
        film = Image.fromarray(mean).resize((_SIDE.value, _SIDE.value))
        film.save(folder / name)


def _prepare(root, data_dir):
    """Returns seconds, those of cores, and MiB, of a process that prepares.

    The cores are also those of the processes that it starts, the MiB those of
    the largest of them.
    """
    side = min(_SIDE.value, _MAX_RECORD_SIDE)
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _PREPARE, str(root), str(data_dir), str(side)],
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"`prepare` ended with status {process.returncode}")
    cores = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, cores, usage.ru_maxrss / 1024


def main(argv):
    del argv  # Unused.
    films = _read_films()
    print(
        "| films | built, s (of cores) | memory, MiB | again |"
        f" {_NUM_ADDED} films more |\n|---|---|---|---|---|"
    )
    for number in map(int, _NUM_FILMS.value):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory, "films")
            data_dir = pathlib.Path(directory, "records")
            _write_films(root, films, range(number))
            built, cores, memory = _prepare(root, data_dir)
            row = f"| {number:,} | {built:.1f} ({cores:.1f}) | {memory:,.0f} |"
            print(row, end="", flush=True)  # The others may take long.
            again, cores, _ = _prepare(root, data_dir)
            print(f" {again:.1f} ({cores:.1f}) |", end="", flush=True)
            _write_films(root, films, range(number, number + _NUM_ADDED))
            added, cores, _ = _prepare(root, data_dir)
            print(f" {added:.1f} ({cores:.1f}) |", flush=True)


if __name__ == "__main__":
    app.run(main)
