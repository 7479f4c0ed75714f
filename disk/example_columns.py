"""Label, name and patient of each example, beside records, in their order.

`build_report/columns-train.npz` spares whoever needs the labels of a split, for
class weights or balanced sampling, to read all its records for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from etils import epath
import numpy as np
import numpy.typing as npt

from disk import columns as columns_lib

# Of all that a build leaves beside its records.
FOLDER = "build_report"

# To be raised when the columns change.
_FORMAT = 1

_LABELS = "labels"
_TEXTS = ("filenames", "patients")


class ExampleColumns(NamedTuple):
    """What is known of the examples of a split, but for their images.

    Attributes:
        labels: int64 `[num_examples]`.
        filenames: Paths relative to the folder of the split.
        patients: Key of each example's patient.
    """

    labels: npt.NDArray[np.int64]
    filenames: Sequence[str]
    patients: Sequence[str]


def path_of(directory: epath.Path, split: str) -> epath.Path:
    """Returns where the columns of a split are.

    Args:
        directory: Directory of the records.
        split: Such as "train".
    """
    return directory / FOLDER / f"columns-{split}.npz"


def write(
    path: epath.Path,
    columns: ExampleColumns,
    *,
    fingerprint: str,
    shard_lengths: Sequence[int],
) -> None:
    """Writes the columns of a split.

    Args:
        path: As `path_of` returns it; its folder is made.
        columns: In the order of the records.
        fingerprint: That of all files the records were made of.
        shard_lengths: Number of examples of each shard.
    """
    arrays: dict[str, Any] = {_LABELS: columns.labels}
    for name in _TEXTS:
        texts = getattr(columns, name)
        arrays.update(columns_lib.text_columns(name, texts))
    path.parent.mkdir(exist_ok=True)
    header = _header(fingerprint, shard_lengths)
    path.write_bytes(columns_lib.pack(header, arrays))


def read(
    path: epath.Path, *, fingerprint: str, shard_lengths: Sequence[int]
) -> ExampleColumns | None:
    """Returns the columns of a split; None if they are of other records.

    Args:
        path: As `path_of` returns it.
        fingerprint: As for `write`, like the next.
        shard_lengths: What they must be.

    Raises:
        OSError: If there is no file, or it cannot be read.
        ValueError: If it is damaged.
    """
    data = path.read_bytes()
    try:
        header, arrays = columns_lib.unpack(data)
        if header != _header(fingerprint, shard_lengths):
            return None
        labels, number = arrays[_LABELS], sum(shard_lengths)
        if (labels.dtype, labels.shape) != (np.int64, (number,)):
            raise ValueError(_LABELS)
        for name in _TEXTS:
            columns_lib.check_texts(arrays, name, number)
    except columns_lib.DAMAGE as error:
        raise ValueError(f"{path} is damaged") from error
    texts = (columns_lib.texts_of(arrays, name) for name in _TEXTS)
    return ExampleColumns(labels, *texts)


def _header(fingerprint: str, shard_lengths: Sequence[int]) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "fingerprint": fingerprint,
        "shard_lengths": list(map(int, shard_lengths)),
    }
