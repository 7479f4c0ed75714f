"""Whether records are whole: all files there, as they were written.

A build leaves the size and the SHA-256 of each file in
`build_report/checksums.json`. To look at the sizes costs microseconds, to read
the files may take as long as an epoch. So a file is read only if it, or its
inode, changed after the checksums were written, as after a flipped byte, or in
a copy that wrote them first; once read and found whole, the checksums count as
written again.

The files of the test split are never read here, so that training does not open
it: their sizes are compared, and whoever tests reads records that carry
checksums of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
import contextlib
import hashlib
import json
import os
from typing import Any

from etils import epath
import tensorflow_datasets as tfds

from disk import paths
from xray_tfds import parallel
from xray_tfds.records import manifest
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib

_FILE = "checksums.json"
_VERSION = 1

# Where a build leaves them, in the directory of the records.
CHECKSUMS = f"{manifest.FOLDER}/{_FILE}"

# By which records are known to be there.
INFO = "dataset_info.json"

# Written anew by later commands: by `tfds build --update_metadata_only`, and by
# the audit and the report. These have to be there.
_REWRITTEN = (
    INFO,
    f"{manifest.FOLDER}/report.html",
    f"{manifest.FOLDER}/report.json",
)

# Of a record: its length and two checksums.
# https://www.tensorflow.org/tutorials/load_data/tfrecord
_TFRECORD_BYTES = 16

_READ_BYTES = 2**20

# What `read_checksums` raises of a damaged file.
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError)

# In the names of the files of the test split, as TFDS makes them.
_TEST_SHARD = "-test."


@contextlib.contextmanager
def adding_checksums(directory: epath.Path) -> Iterator[None]:
    """Writes size and digest of each file of a dataset.

    The records are read while the body of `with` adds the folder of the report.
    """
    digests: dict[str, futures.Future[str]] = {}
    with futures.ThreadPoolExecutor(parallel.num_cores()) as executor:

        def read_new():
            for name in set(list_files(directory)) - {*_REWRITTEN, *digests}:
                digests[name] = executor.submit(digest_of, directory / name)

        read_new()
        yield
        read_new()
        files = {
            name: [paths.size_of(directory / name), digest.result()]
            for name, digest in sorted(digests.items())
        }
    content = {"version": _VERSION, "files": files}
    (directory / CHECKSUMS).write_text(json.dumps(content, indent=1) + "\n")


def find_damage(directory: epath.Path) -> str:
    """Returns which file of a dataset is not whole and why; empty if all are.

    Records of versions that wrote no checksums are judged by the number of
    their bytes.

    Args:
        directory: Directory of the records, with `dataset_info.json`.
    """
    path = directory / CHECKSUMS
    try:
        if not path.exists():
            return _check_promises(directory)
        files = _load(directory)
    except _DAMAGE:
        return f"{path} is damaged"
    faults = [_find_fault(directory / name, None) for name in _REWRITTEN]
    faults += [_find_fault(file, size) for file, (size, _) in files.items()]
    if any(faults):
        return next(filter(None, faults))
    changed = [
        file
        for file in files
        if _TEST_SHARD not in file.name and _changed(file) > _changed(path)
    ]
    for file in changed:
        if digest_of(file) != files[file][1]:
            return f"{file} is not as it was written"
    if changed:
        # Spares the next reader the same work, where this one may write.
        with contextlib.suppress(OSError):
            os.utime(path)
    return ""


def find_change(file: epath.Path) -> str:
    """Returns why a file of a report is not as it was written; empty if it is.

    It is read. What has no checksum, as in earlier versions, counts as whole.

    Args:
        file: In the folder of the report.
    """
    try:
        known = _load(file.parent.parent)
    except FileNotFoundError:
        return ""
    except _DAMAGE:
        return f"{file.parent / _FILE} is damaged"
    if file not in known or digest_of(file) == known[file][1]:
        return ""
    return f"{file} is not as it was written"


def check_all_kept(
    directory: epath.Path, info: tfds.core.DatasetInfo
) -> None:
    """Raises SourceError if records hold but a part of the files kept for them.

    Args:
        directory: Directory of the records.
        info: That of the records.
    """
    path = directory / manifest.FOLDER / manifest.FACTS_FILE
    if not path.exists():
        return  # Nobody noted how many were kept.
    counts = json.loads(path.read_text()).get("counts", ())
    kept = sum(count["images"] for count in counts)
    number = info.splits.total_num_examples
    if kept and number != kept:
        raise errors.SourceError(
            f"The records in {directory} are of {number} images, to which "
            f"`max_examples_per_split` limited them, and not of all {kept}. "
            "Build with --overwrite to replace them, or with another "
            "--data_dir to keep both."
        )


def read_checksums(directory: epath.Path) -> dict[str, tuple[int, str]]:
    """Returns size and digest of each file of a dataset, by its name there.

    Raises:
        FileNotFoundError: If nobody noted them.
        ValueError, KeyError, TypeError, AttributeError: If they are damaged.
    """
    content = json.loads((directory / CHECKSUMS).read_text())
    if content["version"] != _VERSION:
        raise ValueError("of a later version")
    return {
        str(name): (int(size), str(digest))
        for name, (size, digest) in content["files"].items()
    }


def _load(directory: epath.Path) -> dict[epath.Path, tuple[int, str]]:
    """As `read_checksums`, by the path of each file."""
    known = read_checksums(directory)
    return {directory / name: noted for name, noted in known.items()}


def _check_promises(directory: epath.Path) -> str:
    """As `find_damage`, by what TFDS itself notes of each split."""
    info = json.loads((directory / INFO).read_text())
    for split in info.get("splits", []):
        lengths = [int(length) for length in split["shardLengths"]]
        size = 0
        for path in _find_shards(directory, info, split, len(lengths)):
            if fault := _find_fault(path, None):
                return fault
            size += paths.size_of(path)
        expected = int(split["numBytes"]) + _TFRECORD_BYTES * sum(lengths)
        if info.get("fileFormat", "tfrecord") == "tfrecord" and (
            size != expected
        ):
            return (
                f"the split {split['name']} in {directory} has {size} bytes "
                f"instead of {expected}"
            )
    return ""


def _find_shards(
    directory: epath.Path, info: Any, split: Any, number: int
) -> list[epath.Path]:
    start = f"{info['name']}-{split['name']}.{info['fileFormat']}"
    return [
        directory / f"{start}-{index:05}-of-{number:05}"
        for index in range(number)
    ]


def _find_fault(path: epath.Path, size: int | None) -> str:
    """Returns what is wrong with a file; without a size it may have any."""
    if not path.exists():
        return f"{path} is missing"
    length = paths.size_of(path)
    if not length and size != 0:
        return f"{path} is empty"
    if size is not None and length != size:
        return f"{path} has {length} bytes instead of {size}"
    return ""


def _changed(path: epath.Path) -> int:
    """Returns when a file last changed, in nanoseconds; 0 if it is remote."""
    if not files_lib.is_local(path):
        return 0
    status = os.stat(path)
    return max(status.st_mtime_ns, status.st_ctime_ns)


def list_files(directory: epath.Path) -> list[str]:
    """Returns the files in a directory and in its folders, relative to it."""
    names = []
    for path in directory.iterdir():
        if path.is_dir():
            names += [f"{path.name}/{name}" for name in list_files(path)]
        else:
            names.append(path.name)
    return names


def digest_of(path: epath.Path) -> str:
    """Returns the SHA-256 of a file, as `checksums.json` has it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest()
