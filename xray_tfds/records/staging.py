"""Files by which a build and Beam's workers tell each other what to do.

They lie in one folder, below that of the dataset:

    files-000000.json               what to read, and whose it is by a table
    examples-000000-<letters>       the examples that were made of them
    findings-000000.npz             what was found, and where the examples are
    shard-000000.npz                which examples a shard holds, in order
    error-<letters>.json            why no records can be made

All are data: nothing that is read here can run as code. A worker writes under a
name of its own, then renames; the last name is that of the work, not of the
worker. So it does no harm if one dies or if two do the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import json
import os
from typing import TYPE_CHECKING
import uuid

from etils import epath
import numpy as np

from disk import columns as columns_lib
from xray_tfds.curate import examine as examine_lib
from xray_tfds.curate import findings as findings_lib
from xray_tfds.records import example_files
from xray_tfds.records import findings_file
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

# Columns of findings beside those of `curate.findings`, and of a shard.
_LENGTHS = "lengths"
_PATHS = "paths"
_SHARD_COLUMNS = ("path", "start", "length", "digest")

# The patient that a table names is written nowhere before it is hashed.
_FILE_FIELDS = ("filename", "label", "split", "digest", "is_export", "stamp")


def write_files(
    folder: epath.Path,
    number: int,
    files: Iterable[source_files.SourceFile],
    hash_key: hash_key_lib.HashKey,
) -> None:
    """Writes which files a worker is to read."""
    content = [
        [
            os.fspath(file.path),
            file.patient and patients.pseudonym(file.patient, hash_key),
            *(getattr(file, name) for name in _FILE_FIELDS),
        ]
        for file in files
    ]
    _files_path(folder, number).write_text(json.dumps(content))


def read_files(
    folder: epath.Path, number: int
) -> Iterator[tuple[source_files.SourceFile, str]]:
    """Yields these files, and the hash of the patient that a table names."""
    content = json.loads(_files_path(folder, number).read_text())
    for name, patient, *fields in content:
        file = source_files.SourceFile(
            epath.Path(name), **dict(zip(_FILE_FIELDS, fields))
        )
        stamp = file.stamp and files_lib.Stamp(*file.stamp)
        yield dataclasses.replace(file, stamp=stamp), patient


def write_findings(
    folder: epath.Path,
    number: int,
    found: Iterable[tuple[examine_lib.ExaminedFile, bytes | None]],
    config: config_lib.XrayConfig,
) -> list[examine_lib.ExaminedFile]:
    """Writes what a worker found.

    Args:
        folder: Where to write.
        number: That of the files that it read.
        found: Each file, and its example if it is good.
        config: How they became records.

    Returns:
        The files.
    """
    name = f"examples-{number:06}-{uuid.uuid4().hex}"
    examined, lengths = example_files.write(folder / name, found)
    _write(
        _findings_path(folder, number),
        {**findings_file.identity(config), _PATHS: [name]},
        {**findings_lib.to_columns(examined), _LENGTHS: lengths},
    )
    return examined


def read_findings(
    folder: epath.Path, number: int, config: config_lib.XrayConfig
) -> tuple[dict[str, np.ndarray], str, np.ndarray]:
    """Returns columns, where the examples are, and the length of each.

    Raises:
        SourceError: If a worker decodes with other versions than this machine,
            or if another program has changed the file.
        StorageError: If no worker has written it.
    """
    path = _findings_path(folder, number)
    check_written(path)
    header, columns = _read(path)
    try:
        [name] = header.pop(_PATHS)
        lengths = columns.pop(_LENGTHS)
        same = header == (identity := findings_file.identity(config))
        if same and lengths.shape != (findings_lib.check(columns),):
            raise ValueError(_LENGTHS)
    except columns_lib.DAMAGE as error:
        raise example_files.changed(path) from error
    if not same:
        raise errors.SourceError(
            "Beam's workers decode with other versions than this machine: "
            f"{_compare(header, identity)}. Install the same in both places, "
            "and build again."
        )
    return columns, os.fspath(folder / name), lengths


def write_shard(
    folder: epath.Path,
    number: int,
    places: Sequence[example_files.Place],
    digests: Iterable[str],
) -> None:
    """Writes which examples a shard holds.

    Args:
        folder: Where to write.
        number: Of the shard, among those of all splits.
        places: Where each example is.
        digests: The digest of the PNG in each.
    """
    paths: dict[str, int] = {}
    numbers = [paths.setdefault(p.path, len(paths)) for p in places]
    digest = np.frombuffer(bytes.fromhex("".join(digests)), np.uint8)
    columns = {
        "path": np.array(numbers, np.int32),
        "start": np.array([p.start for p in places], np.int64),
        "length": np.array([p.length for p in places], np.int64),
        "digest": digest.reshape(-1, examine_lib.RECORD_DIGEST_SIZE),
    }
    _write(_shard_path(folder, number), {_PATHS: list(paths)}, columns)


def read_shard(folder: epath.Path, number: int) -> Iterator[bytes]:
    """Yields the examples of a shard.

    Raises:
        SourceError: If one is not what it was.
    """
    header, columns = _read(_shard_path(folder, number))
    rows = zip(*(columns[name] for name in _SHARD_COLUMNS))
    for path, start, length, digest in rows:
        place = example_files.Place(
            header[_PATHS][path], int(start), int(length)
        )
        yield example_files.read_checked(place, digest.tobytes().hex())


def write_error(folder: epath.Path, error: errors.SourceError) -> None:
    """Writes why a worker has stopped."""
    path = folder / f"error-{uuid.uuid4().hex}.json"
    new = new_name(path)
    new.write_text(json.dumps(str(error)))
    new.replace(path)


def check(folder: epath.Path) -> None:
    """Raises a SourceError if a worker has stopped with one."""
    for path in folder.iterdir():
        if path.name.startswith("error-"):
            raise errors.SourceError(str(json.loads(path.read_text())))


def check_written(path: epath.Path) -> None:
    """Raises StorageError if a file is not there that workers were to write.

    Runners end without an error where a job was cancelled, drained, or is not
    waited for.
    """
    if not path.exists():
        raise errors.StorageError(
            f"Beam's runner ended before {path} was written. What it shows of "
            "the job tells why. Records that were there are as they were: run "
            "the same command again."
        )


def new_name(path: epath.Path) -> epath.Path:
    """Returns where to write what is renamed once it is complete."""
    return path.with_name(f"{uuid.uuid4().hex}-{path.name}")


def _write(path, header, columns):
    new = new_name(path)
    new.write_bytes(columns_lib.pack(header, columns))
    new.replace(path)


def _read(path):
    try:
        return columns_lib.unpack(path.read_bytes())
    except columns_lib.DAMAGE as error:
        raise example_files.changed(path) from error


def _files_path(folder, number):
    return folder / f"files-{number:06}.json"


def _findings_path(folder, number):
    return folder / f"findings-{number:06}.npz"


def _shard_path(folder, number):
    return folder / f"shard-{number:06}.npz"


def _compare(theirs, ours):
    """Returns what differs between two identities."""
    flat, own = ({**each, **each["versions"]} for each in (theirs, ours))
    return ", ".join(
        f"{name} {flat.get(name)!r} and here {value!r}"
        for name, value in own.items()
        if name != "versions" and flat.get(name) != value
    )
