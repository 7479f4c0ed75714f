"""Prepared records -> a copy for other machines.

By `dataset_info.json` a directory is known to hold records. It is copied last,
and removed first where others make room, so that no part of a copy is ever
taken for the whole.

`checksums.json` (`xray_tfds.records.integrity`) is copied first, to where
nothing else is left. While it is there, a file that it lists is the one that it
lists, or not yet there. So a copy that was interrupted is resumed, and nothing
is read back to be compared but what later commands write anew.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
import contextlib
import json
import os
import pathlib

from etils import epath

from disk import paths
from xray_tfds import parallel
from xray_tfds.records import destinations
from xray_tfds.records import integrity
from xray_tfds.records import places
from xray_tfds.records import replacing
from xray_tfds.records import storage
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib

# Of each large file, a store's library itself sends ten parts at once, which it
# holds in memory, 500 MB in all.
_FILES_AT_ONCE = 2

# What tells which images records were built from.
_METADATA = "metadata.json"


def check(
    publish_dir: epath.PathLike,
    data_dir: epath.PathLike,
    images_dir: epath.PathLike | None,
) -> None:
    """Raises SourceError where records could not be published.

    That they can is tried: it may take hours until there are any.

    Args:
        publish_dir: Where to.
        data_dir: Where they will be prepared.
        images_dir: Of which images, if they lie in a folder.
    """
    places.check_utf8("publish_dir", os.fspath(publish_dir))
    folder = files_lib.to_folder(publish_dir)
    if not paths.is_local(data_dir):
        raise errors.SourceError(
            "`publish_dir` copies records from a directory of this machine. "
            "Add --data_dir=DIR with one. Received: data_dir="
            f"{os.fspath(data_dir)}, publish_dir={os.fspath(publish_dir)}"
        )
    if paths.lies_within(folder, data_dir):
        raise errors.SourceError(
            "`publish_dir` must be outside `data_dir`, where the records are "
            "prepared. Add --publish_dir=DIR with another directory. Received: "
            f"publish_dir={os.fspath(publish_dir)}, "
            f"data_dir={os.fspath(data_dir)}"
        )
    if images_dir is not None:
        places.check_apart(folder, images_dir, "publish_dir")
    try:
        destinations.find(os.fspath(folder)).try_writing()
    except OSError as error:
        raise errors.SourceError(
            "`publish_dir` must be a directory that can be written to: "
            f"{error.strerror or error}. Give access to it, or add "
            "--publish_dir=DIR with another. Received: publish_dir="
            f"{os.fspath(publish_dir)}"
        ) from error


def publish(
    directory: epath.Path,
    data_dir: epath.PathLike,
    publish_dir: epath.PathLike,
) -> None:
    """Copies whole records, or what of them is not there yet.

    Other records of the same images make room, such as those of an earlier
    build; of other images, they stay.

    Args:
        directory: Of the records.
        data_dir: Above it.
        publish_dir: Takes the place of `data_dir` in the path of the copy.

    Raises:
        SourceError: If there are records of other images, or the store cannot
            be written to or read.
        StorageError: If the records are damaged, or a disk cannot be written to
            or read.
    """
    relative = pathlib.Path(os.path.relpath(directory, data_dir)).as_posix()
    folder = os.fspath(files_lib.to_folder(publish_dir)).rstrip("/")
    with _reporting_errors(folder), replacing.taking_turns(directory):
        _Copy(directory, destinations.find(f"{folder}/{relative}")).complete()


class _Copy:
    """Records, and what of them is in another place."""

    def __init__(
        self, directory: epath.Path, destination: destinations.Destination
    ) -> None:
        self._directory = directory
        self._destination = destination
        self._checksums = _read_checksums(directory)
        self._sizes = {
            name: paths.size_of(directory / name)
            for name in integrity.list_files(directory)
            # Whatever writes one has not ended.
            if not os.path.basename(name).startswith(".")
        }

    def complete(self) -> None:
        """Copies what is not there yet."""
        path = self._destination.path
        there = self._destination.sizes()
        if there and not self._is_same(integrity.CHECKSUMS, there):
            self._make_room(there)
            there = {}
        missing = {name for name in self._sizes if self._lacks(name, there)}
        if not missing:
            print(f"The records are in {path} already")
            return
        if not missing.isdisjoint(self._checksums):
            if integrity.INFO in there:
                self._destination.remove(integrity.INFO)
            missing.add(integrity.INFO)
        megabytes = sum(self._sizes[name] for name in missing) / 1e6
        print(
            f"Publishing {len(missing)} files ({megabytes:.1f} MB) of "
            f"{self._directory} in {path}",
            flush=True,
        )
        first, last = {integrity.CHECKSUMS}, {integrity.INFO}
        self._send(missing & first)
        self._send(missing - first - last)
        self._check_sizes(self._sizes.keys() - last)
        self._send(missing & last)
        self._check_sizes(self._sizes)
        print(f"The records are published in {path}")

    def _lacks(self, name: str, there: dict[str, int]) -> bool:
        if name in self._checksums or name == integrity.CHECKSUMS:
            return there.get(name) != self._sizes[name]
        return not self._is_same(name, there)

    def _is_same(self, name: str, there: dict[str, int]) -> bool:
        """Whether a file is there with the same bytes, which are read."""
        if there.get(name) != self._sizes[name]:
            return False
        own = (self._directory / name).read_bytes()
        return self._destination.read(name) == own

    def _make_room(self, there: dict[str, int]) -> None:
        """Removes what is there; first, what makes it a dataset."""
        path, info = self._destination.path, integrity.INFO
        if info in there:
            theirs = b"{}"
            if _METADATA in there:
                theirs = self._destination.read(_METADATA)
            own = (self._directory / _METADATA).read_bytes()
            if _fingerprint(theirs) != _fingerprint(own):
                raise errors.SourceError(
                    f"The records in {path} are of other images than those in "
                    f"{self._directory}. Remove them, or publish in another "
                    "directory: --publish_dir=DIR (`publish_dir`)."
                )
            print(f"The records in {path} are replaced: they are others.")
            self._destination.remove(info)
        for name in sorted(there.keys() - {info}):
            self._destination.remove(name)

    def _send(self, names: Collection[str]) -> None:
        for _ in parallel.ordered_map(
            self._send_one,
            sorted(names),
            total=len(names),
            desc="Publishing",
            workers=_FILES_AT_ONCE,
        ):
            pass

    def _send_one(self, name: str) -> None:
        path = self._directory / name
        # Nobody would compare it again.
        if name in self._checksums and (
            integrity.digest_of(path) != self._checksums[name][1]
        ):
            raise _damaged(self._directory, f"{path} is not as it was written")
        self._destination.send(os.fspath(path), name)

    def _check_sizes(self, names: Collection[str]) -> None:
        there = self._destination.sizes()
        for name in sorted(names):
            if there.get(name) != self._sizes[name]:
                raise errors.SourceError(
                    f"{self._destination.path}/{name} has "
                    f"{there.get(name, 'no')} bytes instead of "
                    f"{self._sizes[name]}, although it was copied. If another "
                    "program publishes there, wait for its end; then run the "
                    "same command again."
                )


def _read_checksums(directory: epath.Path) -> dict[str, tuple[int, str]]:
    """Returns those of whole records.

    Raises:
        StorageError: If they are not whole, or nobody noted their checksums.
    """
    if damage := integrity.find_damage(directory):
        raise _damaged(directory, damage)
    try:
        return integrity.read_checksums(directory)
    except FileNotFoundError:
        reason = f"{integrity.CHECKSUMS} is missing, as in earlier versions"
        raise _damaged(directory, reason) from None


def _damaged(directory: epath.Path, damage: str) -> errors.StorageError:
    return errors.StorageError(
        f"Records that are not whole are not published: {damage}. Remove "
        f"{directory / integrity.INFO} and run the same command again, which "
        "builds them anew; patients stay in their splits."
    )


def _fingerprint(metadata: bytes) -> str | None:
    """Returns that of the images; None if it is not to be read."""
    try:
        return str(json.loads(metadata)["fingerprint"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


@contextlib.contextmanager
def _reporting_errors(folder: str) -> Iterator[None]:
    """Turns what the system says of a disk into a `StorageError`."""
    try:
        yield
    except BrokenPipeError:
        raise  # Of what is printed.
    except OSError as error:
        raise errors.StorageError(
            "Records could not be published: "
            f"{storage.place_of(error, folder)}: {error.strerror or error}. "
            "Make room or give access, and run the same command again, which "
            "copies what is not there yet, or with another directory: "
            "--publish_dir=DIR (`publish_dir`)."
        ) from error
