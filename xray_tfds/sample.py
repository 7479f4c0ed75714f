"""Writes a synthetic sample of chest radiographs, to try everything out.

    python -m xray_tfds.sample DIR [--num_images=600] [--seed=0]

DIR then holds `{train,validation,test}/{normal,pneumonia}`, with file names in
the style of the public data set. The images are drawn, not taken: nothing about
medicine can be concluded from them.
"""

from __future__ import annotations

import argparse
import collections
from collections.abc import Sequence
import itertools
import os
import pathlib
import sys
import tempfile

from PIL import Image

from console import streams
from console import warning_filters
from xray_tfds import parallel
from xray_tfds.curate import split_assignment
from xray_tfds.phantom import cohort

README = "README.txt"
DEFAULT_NUM_IMAGES = 600

_JPEG_QUALITY = 90

_README_TEXT = """\
SYNTHETIC chest radiographs, drawn by `python -m xray_tfds.sample`.

They are for trying out and testing software only. No patient was ever behind
them: never use them, or a model trained on them, for a medical conclusion.

version: {version}
seed: {seed}
images: {num_images}
"""


def write_sample(
    directory: str | os.PathLike[str],
    *,
    num_images: int = DEFAULT_NUM_IMAGES,
    seed: int = 0,
) -> tuple[list[cohort.Film], bool]:
    """Writes the sample, or finds it already there.

    The images appear in `directory` all at once or, if interrupted, not at all.

    Args:
        directory: Where to; must not exist, be empty, or hold the same sample.
        num_images: Number of images, at least `cohort.MIN_NUM_IMAGES`.
        seed: Integer >= 0; same seed, same bytes.

    Returns:
        `(films, written)`: the list of `cohort.Film`, and whether they were
        written now.

    Raises:
        FileExistsError: If `directory` holds anything else.
        ValueError: If `num_images` or `seed` is out of range.
    """
    directory = pathlib.Path(directory).expanduser().resolve()
    films = cohort.plan(num_images, seed)
    readme = _README_TEXT.format(
        version=cohort.VERSION, seed=seed, num_images=num_images
    )
    if _is_there(directory, films, readme):
        return films, False
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{directory.name}-", dir=directory.parent
    ) as temporary:
        unfinished = pathlib.Path(temporary) / directory.name
        _write_films(unfinished, films, seed)
        (unfinished / README).write_text(readme, encoding="utf-8")
        if directory.exists():
            directory.rmdir()
        unfinished.rename(directory)
    return films, True


def _is_there(directory, films, readme):
    """Whether the same sample is complete in `directory`; else it is empty."""
    if not directory.exists():
        return False
    if not directory.is_dir():
        raise FileExistsError(f"{directory} is not a directory.")
    if not any(directory.iterdir()):
        return False
    marker = directory / README
    if (
        marker.is_file()
        and marker.read_text(encoding="utf-8", errors="replace") == readme
        and all((directory / film.path).is_file() for film in films)
    ):
        return True
    raise FileExistsError(
        f"{directory} is not empty and does not hold this sample. Nothing was "
        "written: name a new directory, or delete this one."
    )


def _write_films(directory, films, seed):
    """Draws the images on all cores and shows the progress."""
    for folder in {(directory / film.path).parent for film in films}:
        folder.mkdir(parents=True)

    def write(film: cohort.Film) -> None:
        # One quality for all: the container must not tell the class.
        Image.fromarray(cohort.draw(film, seed)).save(
            directory / film.path, format="JPEG", quality=_JPEG_QUALITY
        )

    for _ in parallel.ordered_map(
        write, films, total=len(films), desc="Drawing"
    ):
        pass


def _summary(films):
    """A table of images and patients, one line for each split and class."""
    images = collections.Counter((film.split, film.label) for film in films)
    patients = collections.Counter(
        (film.split, film.label) for film in films if film.index == 1
    )
    lines = [f"{'split':<12}{'class':<12}{'images':>8}{'patients':>10}"]
    for cell in itertools.product(split_assignment.SPLITS, cohort.CLASSES):
        names = "".join(f"{name:<12}" for name in cell)
        lines.append(f"{names}{images[cell]:>8}{patients[cell]:>10}")
    return "\n".join(lines)


def _parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m xray_tfds.sample",
        description="Writes a synthetic sample of frontal chest radiographs, "
        "normal and with pneumonia, as DIR/{train,validation,test}/"
        "{normal,pneumonia}/*.jpeg. For trying out and testing only: the "
        "images are drawn, and nothing about medicine follows from them.",
    )
    parser.add_argument(
        "directory",
        metavar="DIR",
        type=pathlib.Path,
        help="where to; new, empty, or with the same sample already in it",
    )
    parser.add_argument(
        "--num_images",
        type=int,
        default=DEFAULT_NUM_IMAGES,
        metavar="N",
        help="images in all splits together (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="same seed, same images, byte for byte (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    streams.escape_unencodable()
    warning_filters.keep_warnings()
    options = _parse_arguments(arguments)
    try:
        films, written = write_sample(
            options.directory, num_images=options.num_images, seed=options.seed
        )
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    state = "was written to" if written else "is already complete in"
    print(f"The synthetic sample {state} {options.directory}")
    print(_summary(films))
    return 0


if __name__ == "__main__":
    sys.exit(main())
