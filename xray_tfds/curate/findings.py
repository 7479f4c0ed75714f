"""What is known of all files, in columns: a few hundred bytes for each.

A million objects take gigabytes, and minutes to make; a million rows of arrays
neither. Columns are also what is kept on disk (`records.findings_file`).
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import functools
from typing import Any
from typing import NamedTuple
from typing import overload

import numpy as np

from disk import columns as columns_lib
from xray_tfds import parallel
from xray_tfds.curate import equal_rows
from xray_tfds.curate import examine
from xray_tfds.curate import perceptual_hash
from xray_tfds.source import files as files_lib
from xray_tfds.source import patients
from xray_tfds.source import source_files

Columns = Mapping[str, np.ndarray]

_NUMBERS: dict[str, Any] = {
    "num_bytes": np.int64,
    "width": np.int32,
    "height": np.int32,
    "mean": np.float64,
    "std": np.float64,
}

# Column -> bytes; all are 0 where there is no digest.
_DIGESTS = {
    "digest": source_files.DIGEST_SIZE,
    "pixel_digest": source_files.DIGEST_SIZE,
    "record_digest": examine.RECORD_DIGEST_SIZE,
}
_TEXTS = ("reason", "detail", "format", "mode", "grey_part", "patient", "rule")

_NO_STAMP = (-1,) * len(files_lib.Stamp._fields)


class Owned(NamedTuple):
    """A file, and whose it is."""

    file: source_files.SourceFile
    patient: patients.Patient


class Findings(Sequence[examine.ExaminedFile]):
    """The `ExaminedFile`s of a source, which are made when they are asked for.

    Attributes:
        files: The `SourceFile`s, as they were listed.
        columns: Name -> array, a row for each file. Digests and signatures are
            uint8 `[n, size]`, `stamp` int64 `[n, 4]`, numbers `[n]`.
    """

    def __init__(
        self, files: Sequence[source_files.SourceFile], columns: Columns
    ) -> None:
        """Takes what `to_columns` returned for these files."""
        self.files = files
        self.columns = columns
        self._texts = {
            name: columns_lib.texts_of(columns, name) for name in _TEXTS
        }

    @classmethod
    def of(cls, examined: Sequence[examine.ExaminedFile]) -> Findings:
        """Returns the columns of files, which may be such already."""
        if isinstance(examined, cls):
            return examined
        return cls([each.file for each in examined], to_columns(examined))

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> examine.ExaminedFile: ...

    @overload
    def __getitem__(self, index: slice) -> list[examine.ExaminedFile]: ...

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        facts = self.facts(index)
        del facts["digest"]
        patient = patients.Patient(facts.pop("patient"), facts.pop("rule"))
        return examine.ExaminedFile(
            file=self.file(index), patient=patient, **facts
        )

    def file(self, index: int) -> source_files.SourceFile:
        """Returns a file with what reading it told."""
        file, digest = self.files[index], self.digest("digest", index)
        row = self.columns["stamp"][index].tolist()
        stamp = None if row[0] < 0 else files_lib.Stamp(*row)
        if (file.digest, file.stamp) == (digest, stamp):
            return file
        return file.read_as(digest, stamp)

    @functools.cached_property
    def owned(self) -> list[Owned]:
        """Every file and its patient; equal patients are one object."""
        known: dict[tuple[str, str], patients.Patient] = {}
        owned = []
        texts = zip(self._texts["patient"], self._texts["rule"])
        for file, text in zip(self.files, texts):
            patient = known.get(text)
            if patient is None:
                patient = known[text] = patients.Patient(*text)
            owned.append(Owned(file, patient))
        return owned

    def facts(self, index: int) -> dict[str, Any]:
        """Returns the values of a file by name, digests as hexadecimals."""
        columns = self.columns
        return {
            **{name: columns[name][index].item() for name in _NUMBERS},
            **{name: self.digest(name, index) for name in _DIGESTS},
            **{name: texts[index] for name, texts in self._texts.items()},
            "signature": self.signature(index),
        }

    def compare_pixels(
        self, digest_pixels: Callable[[source_files.SourceFile], str]
    ) -> Findings:
        """Returns them with the pixel digests that are of use.

        Equal pixels have equal signatures, so that only the few files whose
        signature is not their own are decoded once more.

        Args:
            digest_pixels: Returns the pixel digest of a file. Called, by
                threads, with one of each content whose digest is not known.
        """
        reasons = np.diff(self.columns["reason" + columns_lib.ENDS], prepend=0)
        good = np.flatnonzero(reasons == 0)
        rows = equal_rows.hash_rows(self.columns["signature"], good)
        firsts = good[equal_rows.first_equal(rows)]
        digests = self.columns["digest"]
        differ = (digests[good] != digests[firsts]).any(axis=1)
        useful = good[np.isin(firsts, firsts[differ])]
        pixel_digests = np.zeros_like(self.columns["pixel_digest"])
        pixel_digests[useful] = self.columns["pixel_digest"][useful]
        unknown = useful[~pixel_digests[useful].any(axis=1)]
        same = unknown[equal_rows.first_equal(digests[unknown])]
        first, position = np.unique(same, return_inverse=True)
        found = parallel.ordered_map(
            digest_pixels, (self.file(index) for index in first.tolist())
        )
        size = pixel_digests.shape[1]
        made = _rows((bytes.fromhex(digest) for digest in found), size)
        pixel_digests[unknown] = made[position]
        return Findings(
            self.files, {**self.columns, "pixel_digest": pixel_digests}
        )

    def text(self, name: str) -> columns_lib.Texts:
        """Returns a column of strings."""
        return self._texts[name]

    def digest(self, name: str, index: int) -> str:
        """Returns a digest as hexadecimals; empty if there is none."""
        value = self.columns[name][index].tobytes()
        return value.hex() if any(value) else ""

    def signature(self, index: int) -> bytes:
        """Returns the signature of a film; empty if the file is bad."""
        has_one = not self._texts["reason"][index]
        return self.columns["signature"][index].tobytes() if has_one else b""


def to_columns(examined: Sequence[examine.ExaminedFile]) -> Columns:
    """Returns the columns of files."""
    columns: dict[str, np.ndarray] = {
        name: np.array([getattr(each, name) for each in examined], dtype)
        for name, dtype in _NUMBERS.items()
    }
    for name, size in _DIGESTS.items():
        owners = (e.file if name == "digest" else e for e in examined)
        hexadecimals = (getattr(owner, name) for owner in owners)
        columns[name] = _rows((bytes.fromhex(h) for h in hexadecimals), size)
    columns["signature"] = _rows(
        (each.signature for each in examined), perceptual_hash.SIGNATURE_SIZE
    )
    columns["stamp"] = np.array(
        [each.file.stamp or _NO_STAMP for each in examined], np.int64
    ).reshape(-1, len(_NO_STAMP))
    for name in _TEXTS:
        texts = (_text(each, name) for each in examined)
        columns.update(columns_lib.text_columns(name, texts))
    return columns


def take(columns: Columns, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the columns of some files, by bool `[n]`."""
    taken = {}
    for name, column in columns.items():
        if name.endswith(columns_lib.ENDS):
            lengths = np.diff(column, prepend=0)
            characters = (
                name.removesuffix(columns_lib.ENDS) + columns_lib.CHARACTERS
            )
            taken[name] = np.cumsum(lengths[chosen])
            taken[characters] = columns[characters][np.repeat(chosen, lengths)]
        elif not name.endswith(columns_lib.CHARACTERS):
            taken[name] = column[chosen]
    return taken


def concatenate(parts: Sequence[dict[str, np.ndarray]]) -> Columns:
    """Returns the columns of all parts, which are emptied meanwhile."""
    columns = {}
    for name in list(parts[0]):
        arrays = [part.pop(name) for part in parts]
        if name.endswith(columns_lib.ENDS):
            arrays = [np.diff(ends, prepend=0) for ends in arrays]
            columns[name] = np.cumsum(np.concatenate(arrays))
        else:
            columns[name] = np.concatenate(arrays)
    return columns


def check(columns: Columns) -> int:
    """Returns the number of files of columns that come from a disk.

    Raises:
        ValueError: If they are not those of a `Findings`.
        KeyError: If one is missing.
    """
    number = len(columns["digest"])
    expected: dict[str, tuple[Any, tuple[int, ...]]] = {
        name: (dtype, ()) for name, dtype in _NUMBERS.items()
    }
    sizes = {**_DIGESTS, "signature": perceptual_hash.SIGNATURE_SIZE}
    expected.update({name: (np.uint8, (n,)) for name, n in sizes.items()})
    expected["stamp"] = (np.int64, (len(_NO_STAMP),))
    for name, (dtype, shape) in expected.items():
        column = columns[name]
        if column.dtype != dtype or column.shape != (number, *shape):
            raise ValueError(f"column {name}")
    for name in _TEXTS:
        columns_lib.check_texts(columns, name, number)
    return number


def _rows(values, size):
    """Returns uint8 `[n, size]` of bytes; 0 where there are none."""
    blank = bytes(size)
    data = b"".join(value or blank for value in values)
    return np.frombuffer(data, np.uint8).reshape(-1, size)


def _text(examined, name):
    if name == "patient":
        return examined.patient.key
    if name == "rule":
        return examined.patient.rule
    return getattr(examined, name)
