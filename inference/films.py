"""The films behind examples: decoded anew, or as the records hold them.

A record holds a film in the size that a network is fed. What is done to a film
before that is done to the original, if it still is where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
from typing import Literal
from typing import NamedTuple

from PIL import Image
from etils import epath
import numpy as np
from numpy import typing as npt

from xray_tfds import config as config_lib
from xray_tfds import parallel
from xray_tfds.curate import examine
from xray_tfds.decode import errors as decode_errors
from xray_tfds.decode import images as images_lib
from xray_tfds.decode import limits
from xray_tfds.source import errors as source_errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import layouts
from xray_tfds.source import source_files
from xray_tfds.source import tree as tree_lib

Pixels = npt.NDArray[np.uint8]

_MODES = {number: mode for mode, number in images_lib.COLOR_MODES.items()}


class Film(NamedTuple):
    """A film that has not been read yet.

    Attributes:
        key: Of its example.
        load: Returns uint8 `[height, width, channels]`, in the channels of the
            records. May be called from any thread, as the next.
        fit: From such pixels, changed or not, of any size, to those of a
            record.
    """

    key: str
    load: Callable[[], Pixels]
    fit: Callable[[Pixels], Pixels]


@dataclasses.dataclass(frozen=True)
class Films:
    """The films of examples, in the order of the examples.

    Attributes:
        films: To be gone through once.
        measured_on: "originals" if files are decoded anew; "records" if the
            films are as small as in the records.
        reason: Why it is not the originals; empty if it is.
    """

    films: Iterable[Film]
    measured_on: Literal["originals", "records"]
    reason: str = ""


class NotFoundError(ValueError):
    """Originals that are gone or not as they were; says which."""


def find(
    keys: Sequence[str],
    rows: Sequence[Mapping[str, str] | None],
    images_dir: str | None,
    config: config_lib.XrayConfig | None,
    stored: Callable[[], Iterable[Pixels]],
) -> Films:
    """Returns the originals of examples, or their records if one is missing.

    Args:
        keys: Of the examples.
        rows: Of the build's `files.csv`, one for each key, names as the files
            have them; `None` for a key that it does not list.
        images_dir: The folder that the records were built of, if it is known.
        config: How the records were made of it, if that is known.
        stored: Returns the records' pixels in the order of the keys, uint8
            `[n, height, width, channels]` at a time. Called if the originals
            are not all there.
    """
    try:
        known = [row for row in rows if row is not None]
        if len(known) < len(keys) or images_dir is None or config is None:
            raise NotFoundError(
                "the records do not say which files they were made of"
            )
        films = open_originals(keys, known, images_dir, config)
    except NotFoundError as error:
        films = open_records(keys, stored())
        return dataclasses.replace(
            films,
            reason=f"Films were changed as the records hold them: {error}.",
        )
    return films


def open_originals(
    keys: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    images_dir: str,
    config: config_lib.XrayConfig,
) -> Films:
    """Returns the films of files, each proved by its SHA-256.

    Args:
        keys: As in `find`, like the others.
        rows: One for each key.
        images_dir: Of this machine or of a bucket.
        config: How films become records.

    Raises:
        NotFoundError: If a file is gone or not as it was.
    """
    files = locate(rows, images_dir, config.class_names)
    intact = parallel.ordered_map(_is_intact, files)
    bad = [file.filename for file, good in zip(files, intact) if not good]
    if bad:
        raise NotFoundError(
            f"{len(bad)} of {len(files)} files are gone from {images_dir} or"
            f" have changed since the build, first {bad[0]}"
        )
    fit = functools.partial(_fit_original, config=config)
    films = [
        Film(key, functools.partial(_load_original, file, config), fit)
        for key, file in zip(keys, files)
    ]
    return Films(films, "originals")


def open_records(keys: Sequence[str], batches: Iterable[Pixels]) -> Films:
    """Returns films as records hold them.

    Args:
        keys: One for each image.
        batches: uint8 `[n, height, width, channels]` each; gone through as the
            films are.
    """

    def films() -> Iterator[Film]:
        names = iter(keys)
        for batch in batches:
            fit = functools.partial(_fit_stored, shape=batch.shape[1:])
            for pixels in batch:
                load = functools.partial(np.asarray, pixels)
                yield Film(next(names), load, fit)

    return Films(films(), "records")


def to_image(pixels: Pixels) -> Image.Image:
    """Returns the image of uint8 `[height, width, channels]`."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def locate(
    rows: Sequence[Mapping[str, str]],
    images_dir: str,
    class_names: Sequence[str],
) -> list[source_files.SourceFile]:
    """Returns where the file of each row should be, with its digest.

    Args:
        rows: Of the build's `files.csv`.
        images_dir: As in `find`.
        class_names: Of the records.
    """
    root = files_lib.to_folder(images_dir)
    try:
        splits = layouts.find_splits(tree_lib.Tree(root), class_names)
    except (source_errors.SourceError, OSError):
        # It is gone; or a table says what else the folders' names do.
        splits = {}
    files = []
    for row in rows:
        name = row["filename"]
        path = splits.get(row["given_split"] or None, root) / name
        if not _is_there(path):
            path = root / name
        files.append(
            source_files.SourceFile(
                path, name, row["label"], None, digest=row["digest"]
            )
        )
    return files


def _is_there(path: epath.Path) -> bool:
    try:
        return files_lib.is_file(path)
    except source_errors.SourceError:
        return False  # The store does not say, and will not give it either.


def _is_intact(file: source_files.SourceFile) -> bool:
    """Whether a file has the content that it had for the build."""
    try:
        source_files.read_file(file)
    except (decode_errors.BadFile, source_errors.SourceError):
        return False
    return True


def _load_original(
    file: source_files.SourceFile, config: config_lib.XrayConfig
) -> Pixels:
    """Returns all pixels of a film, as the build decodes them.

    Raises:
        ValueError: If that is not possible any more.
    """
    try:
        with limits.naming(file.path):
            data, _ = source_files.read_file(file)
            image = examine.decode(data, config).image
    except decode_errors.BadFile as error:
        raise ValueError(
            f"{file.path} is in the records, and cannot be decoded now: {error}"
        ) from error
    # Converted first, as the build does it, and not resized.
    return images_lib.convert_and_resize(image, color_mode=config.color_mode)


def _fit_original(pixels: Pixels, config: config_lib.XrayConfig) -> Pixels:
    return examine.make_pixels(to_image(pixels), config)


def _fit_stored(pixels: Pixels, shape: tuple[int, int, int]) -> Pixels:
    """Brings a part of a record back to the record's size."""
    return images_lib.convert_and_resize(
        to_image(pixels),
        color_mode=_MODES[shape[2]],
        image_size=shape[:2],
        interpolation="bilinear",
    )
