"""Files of columns: arrays by name, and texts as arrays; data, never code.

The format is NumPy's `npz`, a zip archive, which has a checksum of each array.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import io
import json
from typing import Any
import zipfile
import zlib

import numpy as np
import numpy.typing as npt

# Two columns for each one of texts: where they end, and their characters.
ENDS, CHARACTERS = "_ends", "_characters"

_HEADER = "header"

# What `unpack`, and looking for what should be there, raise of a damaged file:
# among others zipfile, of bits that say how a member is packed.
DAMAGE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
)


def pack(
    header: Mapping[str, Any], columns: Mapping[str, npt.NDArray[Any]]
) -> bytes:
    """Returns a file of columns, with a header of what JSON can hold."""
    text = json.dumps(header).encode()
    arrays: dict[str, Any] = {_HEADER: np.frombuffer(text, np.uint8), **columns}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Returns header and columns of a file.

    Raises:
        DAMAGE: If it is none, or was changed.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        # zipfile looks at a checksum at the end of a member. NumPy may not get
        # there: it reads no more than a header says, which may be damaged.
        if (member := archive.testzip()) is not None:
            raise zipfile.BadZipFile(member)
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        columns = {name: file[name] for name in file.files}
    return json.loads(columns.pop(_HEADER).tobytes()), columns


class Texts(Sequence[str]):
    """Strings, end to end."""

    def __init__(
        self, ends: npt.NDArray[np.int64], characters: npt.NDArray[np.uint8]
    ) -> None:
        """Takes int64 `[n]` and the uint8 of the UTF-8 of all of them."""
        self._ends = ends
        self._characters = characters

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        index = range(len(self._ends))[index]  # From the end, if negative.
        start = self._ends[index - 1] if index else 0
        data = self._characters[start : self._ends[index]].tobytes()
        # A name may hold what is no UTF-8.
        return data.decode("utf-8", "surrogatepass")


def texts_of(columns: Mapping[str, npt.NDArray[Any]], name: str) -> Texts:
    """Returns the strings of a column."""
    return Texts(columns[name + ENDS], columns[name + CHARACTERS])


def text_columns(
    name: str, texts: Iterable[str]
) -> dict[str, npt.NDArray[Any]]:
    """Returns the two columns of strings."""
    data = [text.encode("utf-8", "surrogatepass") for text in texts]
    return {
        name + ENDS: np.cumsum([len(each) for each in data], dtype=np.int64),
        name + CHARACTERS: np.frombuffer(b"".join(data), np.uint8),
    }


def check_texts(
    columns: Mapping[str, npt.NDArray[Any]], name: str, number: int
) -> None:
    """Raises unless a column that comes from a disk is one of strings.

    Args:
        columns: All of a file.
        name: The column's.
        number: How many strings there must be.

    Raises:
        ValueError: If it is none.
        KeyError: If it is missing.
    """
    ends, characters = columns[name + ENDS], columns[name + CHARACTERS]
    if (ends.dtype, ends.shape) != (np.int64, (number,)):
        raise ValueError(f"column {name}")
    lengths = np.diff(ends, prepend=0)
    if characters.dtype != np.uint8 or characters.ndim != 1:
        raise ValueError(f"column {name}")
    if (lengths < 0).any() or lengths.sum() != len(characters):
        raise ValueError(f"column {name}")
