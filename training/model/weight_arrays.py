"""The arrays of a file of weights from elsewhere, and nothing but these.

HDF5 can say that an array is in another file (external storage, virtual
datasets, links), which reads whatever the user may read, and that it is huge
where next to nothing is stored. What of this Keras refuses differs from version
to version (CVE-2026-0897, CVE-2026-1669, github.com/keras-team/keras/pull/22975
and 23100), and an archive it decompresses with no limit. So all of the file is
judged here, before Keras sees it.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import math
import os
import pathlib
import shutil
import tempfile
import zipfile
import zlib

import h5py
import numpy as np

from training import errors

# Where Keras puts arrays in a `.keras` archive.
_ARRAYS_IN_ARCHIVE = "model.weights.h5"

# Keras compresses nothing. Weights that someone else has compressed shrink to
# nine tenths or so, an optimizer's zeros to nothing; what is small is no bomb.
_LARGEST_EXPANSION = 10
_SMALL_BYTES = 64 * 2**20

# What h5py and zipfile raise for files that are damaged, encrypted or
# compressed in an unknown way (RuntimeError).
UNREADABLE = (
    *(AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError),
    *(ValueError, zipfile.BadZipFile, zlib.error),
)


@dataclasses.dataclass(frozen=True)
class Arrays:
    """What a file holds.

    Attributes:
        path: Where Keras can load it from.
        shapes: Path of each array in the file -> its shape.
        is_of_layers: Whether it is as Keras 2 wrote it, a list of layers.
    """

    path: pathlib.Path
    shapes: dict[str, tuple[int, ...]]
    is_of_layers: bool


@contextlib.contextmanager
def open_arrays(path: pathlib.Path) -> Iterator[Arrays]:
    """Judges a file of arrays, and gives it to Keras.

    Args:
        path: A `.keras` or an `.h5` file. Of the former, the arrays are copied
            to a file for as long as the block runs.

    Yields:
        What the file holds.

    Raises:
        ValueError: If the file is damaged, an array is not stored in it, or
            far larger than it.
        StorageError: If the system does not let it be read or copied.
    """
    size = os.path.getsize(path)
    with tempfile.TemporaryDirectory() as directory:
        try:
            is_archive = path.suffix == ".keras"
            h5 = _extract(path, pathlib.Path(directory)) if is_archive else path
            with h5py.File(h5, "r") as file:
                shapes = _check(file, size)
                arrays = Arrays(h5, shapes, "layer_names" in file.attrs)
        except _Refused as error:
            raise ValueError(
                f"`weights` must be a file as Keras writes it: {error}. "
                f"Received: weights={path}"
            ) from error
        except UNREADABLE as error:
            if isinstance(error, OSError) and error.errno is not None:
                # Of the system: no room where it is copied to, as a rule.
                raise errors.StorageError(
                    f"{path} cannot be read by way of {directory}: "
                    f"{error.strerror}. Make room or give access, or name "
                    "another directory for temporary files: TMPDIR=DIR."
                ) from error
            raise ValueError(
                "`weights` must be a file that Keras can read, and this one is "
                f"damaged or none: {error}. Received: weights={path}"
            ) from error
        yield arrays


class _Refused(ValueError):
    """The file is none that Keras would write; the text says why."""


def _extract(
    archive_path: pathlib.Path, directory: pathlib.Path
) -> pathlib.Path:
    """Copies the arrays out of an archive; returns the path of the copy."""
    path = directory / _ARRAYS_IN_ARCHIVE
    with zipfile.ZipFile(archive_path) as archive:
        member = archive.getinfo(_ARRAYS_IN_ARCHIVE)
        # No more than this is read, whatever is compressed.
        check_size(member.file_size, os.path.getsize(archive_path))
        with archive.open(member) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target)
    return path


def _check(file: h5py.File, file_size: int) -> dict[str, tuple[int, ...]]:
    """Returns the arrays' shapes, if each is stored in the file, once."""
    shapes = {}
    total = named = 0
    seen = {h5py.h5o.get_info(file.id).addr}
    groups: list[h5py.Group] = [file]
    while groups:
        group = groups.pop()
        for name in group.id:
            if group.id.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise _Refused("it holds a link to something else")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise _Refused("it holds one thing under two names")
            seen.add(address)
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                total += _measure(item)
                shapes[item.name.lstrip("/")] = item.shape or ()
        named += sum(_measure(array) for array in _named_arrays(group))
    check_size(max(total, named), file_size)
    return shapes


def _named_arrays(group: h5py.Group) -> Iterator[h5py.Dataset]:
    """Yields what Keras 2 calls a layer's weights, one as often as named."""
    # The others are not read: HDF5 can crash on a damaged one.
    for attribute in group.attrs:
        if attribute.startswith("weight_names"):
            for name in np.ravel(group.attrs[attribute]):
                yield group[name]


def _measure(array: h5py.Dataset) -> int:
    """Returns the bytes that reading an array takes."""
    if array.external or array.is_virtual:
        raise _Refused("an array is stored in another file")
    if array.dtype.hasobject:
        raise _Refused("it holds something other than numbers")
    # A chunk is decompressed whole, however small the array.
    items = max(array.size or 0, math.prod(array.chunks or ()))
    return items * array.dtype.itemsize


def check_size(unpacked: int, stored: int) -> None:
    """Raises ValueError where arrays are far larger than their file.

    Args:
        unpacked: Bytes that they would take.
        stored: Bytes of the file.
    """
    if unpacked > max(_SMALL_BYTES, _LARGEST_EXPANSION * stored):
        raise _Refused(
            f"its arrays would take {unpacked:,} bytes, and it has {stored:,}"
        )
