"""Images per second of a build, and of merely decoding and resizing with PIL.

    python benchmarks/build.py --images_dir=DIR [--num_images=5000]

Links files of DIR under new names into a folder of `num_images` (with
on_duplicate=keep_all; where there are fewer, they are linked again and again),
builds records of it, and decodes and resizes the same files with PIL alone in
as many threads and in as many processes, in turn. Prints the medians and
spreads, and what the processors did meanwhile, which other programs disturb
less. The first build of a process also imports TensorFlow and has a row of its
own. Files at their original resolution are what a build meets; those that were
reduced before show the overhead of a record.
"""

from concurrent import futures
import contextlib
import io
import itertools
import os
import pathlib
import random
import resource
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from PIL import Image  # noqa: E402
from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

import xray_tfds  # noqa: E402
from xray_tfds import parallel  # noqa: E402

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder with normal/ and pneumonia/.", required=True
)
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images", 5000, "How many images are built.", lower_bound=20
)
_REPEATS = flags.DEFINE_integer("repeats", 3, "How often.", lower_bound=1)

_LABELS = ("normal", "pneumonia")
_SIZE = (256, 256)


def _link_images(images_dir, root):
    """Links films into `root/{normal,pneumonia}`; returns the links."""
    found = sorted(
        path
        for path in pathlib.Path(images_dir).resolve().rglob("*")
        if path.parent.name.lower() in _LABELS and path.is_file()
    )
    # In an order that mixes the classes.
    random.Random(0).shuffle(found)
    for label in _LABELS:
        (root / label).mkdir(parents=True)
    paths = []
    films = itertools.islice(itertools.cycle(found), _NUM_IMAGES.value)
    for number, film in enumerate(films):
        path = root / film.parent.name.lower() / f"{number}{film.suffix}"
        path.symlink_to(film)
        paths.append(path)
    return paths


def _decode_and_resize(path):
    """Does what every tool must: decode, grey, resize. Returns nothing."""
    with Image.open(path) as image:
        image.convert("L").resize(_SIZE, Image.Resampling.BILINEAR)


def _decode_all(executor, paths):
    with executor(parallel.num_cores()) as workers:
        for _ in workers.map(_decode_and_resize, paths, chunksize=16):
            pass


def _build(root, data_dir):
    config = xray_tfds.XrayConfig(image_size=_SIZE, on_duplicate="keep_all")
    builder = xray_tfds.Builder(data_dir=data_dir, config=config)
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=root)
        )


def _cpu_seconds():
    """Returns the time of all cores, of this process and its children."""
    usages = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _measure(work):
    """Returns how many seconds a function took, by the clock and of cores."""
    start, cpu_start = time.perf_counter(), _cpu_seconds()
    work()
    return time.perf_counter() - start, _cpu_seconds() - cpu_start


def _print_table(measured, num_images):
    """Prints a row for each work, as Markdown.

    Args:
        measured: Dict of name to list of what `_measure` returned.
        num_images: In each of them.
    """
    print(
        "| what | images/s, median (min to max) | of PIL, threads | of PIL,"
        " processes | CPU seconds for 1,000 images |"
    )
    print("|---|---|---|---|---|")
    medians = {
        name: statistics.median(seconds for seconds, _ in values)
        for name, values in measured.items()
    }
    for name, values in measured.items():
        rates = sorted(num_images / seconds for seconds, _ in values)
        cpu = 1000 / num_images * statistics.median(cpu for _, cpu in values)
        shares = " | ".join(
            f"{medians[other] / medians[name]:.0%}"
            for other in ("PIL, threads", "PIL, processes")
        )
        print(
            f"| {name} | {statistics.median(rates):,.0f} ({rates[0]:,.0f} to"
            f" {rates[-1]:,.0f}) | {shares} | {cpu:.1f} |"
        )


def main(argv):
    del argv  # Unused.
    measured: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory) / "images"
        paths = _link_images(_IMAGES_DIR.value, root)
        measured["build, the first"] = [
            _measure(lambda: _build(root, f"{directory}/first"))
        ]
        for repeat in range(_REPEATS.value):
            works = {
                "PIL, threads": lambda: _decode_all(
                    futures.ThreadPoolExecutor, paths
                ),
                "PIL, processes": lambda: _decode_all(
                    futures.ProcessPoolExecutor, paths
                ),
                "build": lambda: _build(root, f"{directory}/records{repeat}"),
            }
            for name, work in works.items():
                measured.setdefault(name, []).append(_measure(work))
    _print_table(measured, len(paths))


if __name__ == "__main__":
    app.run(main)
