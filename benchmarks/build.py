"""Images per second of a build, and of merely decoding and resizing with PIL.

    python benchmarks/build.py --images_dir=DIR [--num_images=5000]

Links the files of DIR, again and again under new names, into a folder of
`num_images` (with on_duplicate=keep_all, since they are duplicates), builds
records of it, and decodes and resizes the same files with PIL alone in as many
threads and in as many processes, in turn. Prints the medians and spreads. Files
at their original resolution are what a build meets; those that were reduced
before show the overhead of a record.
"""

from concurrent import futures
import contextlib
import io
import itertools
import os
import pathlib
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

_SIZE = (256, 256)


def _link_images(images_dir, root):
    """Links films into `root/{normal,pneumonia}`, as often as needed."""
    paths = []
    for label in ("normal", "pneumonia"):
        found = [
            path
            for path in sorted(pathlib.Path(images_dir).resolve().rglob("*"))
            if path.parent.name.lower() == label and path.is_file()
        ]
        (root / label).mkdir(parents=True)
        films = itertools.islice(itertools.cycle(found), _NUM_IMAGES.value // 2)
        for number, film in enumerate(films):
            path = root / label / f"{number}{film.suffix}"
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


def main(argv):
    del argv  # Unused.
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory) / "images"
        paths = _link_images(_IMAGES_DIR.value, root)
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
                start = time.perf_counter()
                work()
                seconds.setdefault(name, []).append(time.perf_counter() - start)
    print("| what | images/s, median (min to max) | build is |")
    print("|---|---|---|")
    build = statistics.median(seconds["build"])
    for name, values in seconds.items():
        rates = sorted(len(paths) / value for value in values)
        share = statistics.median(values) / build
        print(
            f"| {name} | {statistics.median(rates):,.0f} ({rates[0]:,.0f} to"
            f" {rates[-1]:,.0f}) | {share:.0%} |"
        )


if __name__ == "__main__":
    app.run(main)
