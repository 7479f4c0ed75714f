"""Checkpoints on disk: whole or not there, and found out when damaged.

A checkpoint is a directory of arrays, of a state in JSON, and of the SHA-256
of both. It is written under a temporary name, forced to disk and renamed, so
that a process killed at any moment leaves the old ones and no half new one.

Imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
from typing import Any

import numpy as np

from training import errors

_ARRAYS_FILE = "arrays.npz"
_STATE_FILE = "state.json"
_SUMS_FILE = "SHA256SUMS"
_NAME = re.compile(r"checkpoint-(\d{6,})")
_TEMPORARY = ".writing-"
_DAMAGED = "damaged-"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to be resumed.

    Attributes:
        arrays: By name.
        state: What JSON can hold.
    """

    arrays: dict[str, np.ndarray]
    state: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Returns the checkpoint as bytes, for another worker."""
        header = json.dumps(self.state).encode()
        return len(header).to_bytes(8, "big") + header + _pack(self.arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Returns the checkpoint that `to_bytes` wrote."""
        end = 8 + int.from_bytes(data[:8], "big")
        return cls(_unpack(data[end:]), json.loads(data[8:end]))


class CheckpointStore:
    """The newest checkpoints of one run, in a directory of their own."""

    def __init__(self, directory: str | pathlib.Path, keep: int = 2) -> None:
        """Creates nothing yet.

        Args:
            directory: Where the checkpoints are, or will be.
            keep: How many of them are kept, at least 1.
        """
        self._directory = pathlib.Path(directory)
        self._keep = keep

    def save(self, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint, then removes those that are too many.

        Raises:
            StorageError: If it could not be written; the earlier ones are
                untouched then.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            self._write(checkpoint)
        except OSError as error:
            self._remove_leftovers()
            raise _storage_error(self._directory, error) from error
        for path in self._list()[: -self._keep]:
            shutil.rmtree(path, ignore_errors=True)

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """Returns the newest checkpoint that is whole, and what was skipped.

        Damaged ones are set aside under a name that says so, not deleted.

        Returns:
            The checkpoint, None where there is none, and a line about each
            damaged one.

        Raises:
            StorageError: If there are checkpoints, and none of them is whole.
        """
        damaged: list[str] = []
        for path in reversed(self._list()):
            try:
                return _read(path), damaged
            except _Damage as damage:
                damaged.append(f"{path.name}: {damage}")
                self._set_aside(path)
            except OSError as error:
                # Not damaged, for all that is known.
                raise errors.StorageError(
                    f"{path} cannot be read: {error.strerror}."
                ) from error
        if damaged:
            raise errors.StorageError(
                f"No checkpoint in {self._directory} is whole "
                f"({'; '.join(damaged)}). They were set aside as "
                f"{_DAMAGED}*; start anew with --resume=never."
            )
        return None, damaged

    def _list(self) -> list[pathlib.Path]:
        """Returns the directories of checkpoints, oldest first."""
        if not self._directory.is_dir():
            return []
        found = (p for p in self._directory.iterdir() if _number(p) >= 0)
        return sorted(found, key=_number)

    def _write(self, checkpoint: Checkpoint) -> None:
        # Counted on, whatever their steps: a run that is resumed by force with
        # other batches counts its steps anew.
        number = max((_number(p) for p in self._list()), default=0) + 1
        name = f"checkpoint-{number:06d}"
        temporary = self._directory / f"{_TEMPORARY}{name}"
        temporary.mkdir()
        state = json.dumps(checkpoint.state, indent=1, allow_nan=False)
        sums = [
            _write_file(temporary / _ARRAYS_FILE, _pack(checkpoint.arrays)),
            _write_file(temporary / _STATE_FILE, state.encode()),
        ]
        _write_file(temporary / _SUMS_FILE, "".join(sums).encode())
        _sync_directory(temporary)
        os.rename(temporary, self._directory / name)
        _sync_directory(self._directory)

    def _remove_leftovers(self) -> None:
        """Removes what killed processes were about to write."""
        with contextlib.suppress(OSError):
            for path in self._directory.glob(f"{_TEMPORARY}*"):
                shutil.rmtree(path, ignore_errors=True)

    def _set_aside(self, path: pathlib.Path) -> None:
        target = path.with_name(_DAMAGED + path.name)
        shutil.rmtree(target, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rename(path, target)


class _Damage(Exception):
    """What is wrong with a checkpoint, in words."""


def _number(path: pathlib.Path) -> int:
    """Returns the number in the name of a checkpoint; -1 for other names."""
    match = _NAME.fullmatch(path.name)
    return int(match.group(1)) if match else -1


def _read(path: pathlib.Path) -> Checkpoint:
    """Returns the `Checkpoint` of a directory; raises `_Damage`."""
    contents = {}
    try:
        sums = (path / _SUMS_FILE).read_text(encoding="utf-8")
        for line in sums.splitlines():
            digest, name = line.split("  ")
            contents[name] = (path / name).read_bytes()
            if hashlib.sha256(contents[name]).hexdigest() != digest:
                raise _Damage(f"{name} does not have its checksum")
        state = json.loads(contents[_STATE_FILE])
        return Checkpoint(_unpack(contents[_ARRAYS_FILE]), state)
    except FileNotFoundError as error:
        raise _Damage(f"{pathlib.Path(error.filename).name} is gone") from error
    except (ValueError, KeyError) as error:
        raise _Damage(f"it cannot be read ({error})") from error


def _pack(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _unpack(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _write_file(path: pathlib.Path, data: bytes) -> str:
    """Writes and syncs a file; returns its line in the list of checksums."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return f"{hashlib.sha256(data).hexdigest()}  {path.name}\n"


def _sync_directory(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _storage_error(
    directory: pathlib.Path, error: OSError
) -> errors.StorageError:
    reason = error.strerror or str(error)
    return errors.StorageError(
        f"A checkpoint could not be written to {directory}: {reason}. Those "
        "written before are whole: make room or give access, and run the same "
        "command again."
    )
