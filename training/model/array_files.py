"""Files of arrays by name: `.safetensors` and `.npz`.

Numbers are all that is read of them; a pickle in an `.npz` is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
import os
import pathlib
import zipfile

import numpy as np

from training.model import weight_arrays


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a file, by name.

    Args:
        path: A `.safetensors` or an `.npz` file.

    Raises:
        ValueError: If the file is damaged, unpacks to far more than it has, or
            holds something other than numbers.
    """
    load = _load_npz if path.suffix == ".npz" else _load_safetensors
    try:
        return {name: _check(name, array) for name, array in load(path)}
    except (*weight_arrays.UNREADABLE, MemoryError) as error:
        raise ValueError(
            f"`weights` must be a file of arrays that can be read: {error}. "
            f"Received: weights={path}"
        ) from error


def _load_npz(path: pathlib.Path) -> Iterator[tuple[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        # No more than this is read of a member, whatever is compressed.
        size = sum(member.file_size for member in archive.infolist())
        weight_arrays.check_size(size, os.path.getsize(path))
    with np.load(path, allow_pickle=False) as arrays:
        yield from arrays.items()


def _load_safetensors(path: pathlib.Path) -> Iterator[tuple[str, np.ndarray]]:
    # An extra: whoever has no such file does without.
    import safetensors

    try:
        with safetensors.safe_open(path, "np") as file:
            for name in file.keys():
                yield name, file.get_tensor(name)
    except safetensors.SafetensorError as error:
        raise ValueError(error) from error


def _check(name: str, array: np.ndarray | bytes) -> np.ndarray:
    # What is no array in an .npz comes as bytes.
    if isinstance(array, bytes):
        raise ValueError(f"{name} is no array")
    if array.dtype.name == "bfloat16":
        # A type that NumPy knows from TensorFlow, and calls no number.
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} holds something other than numbers")
    return array
