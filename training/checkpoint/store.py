"""Checkpoints on disk: whole or not there, and found out when damaged.

A checkpoint is a directory of arrays, of a state in JSON, and of the SHA-256
of both. It is written under a temporary name, forced to disk and renamed, so
that a process killed at any moment leaves the old ones and no half new one.

Imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
from typing import Any

import numpy as np

from disk import hashing
from disk import sync
from training import errors
from training.checkpoint import hashed_files
from training.workdir import format_version

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
        number: Of its directory; None for one that was not read from any.
    """

    arrays: dict[str, np.ndarray]
    state: dict[str, Any]
    number: int | None = None


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
            superfluous = self._list()[: -self._keep]
        except OSError as error:
            self._remove_leftovers()
            raise _storage_error(self._directory, error) from error
        for path in superfluous:
            shutil.rmtree(path, ignore_errors=True)

    def newest(
        self, check: Callable[[Checkpoint], None] | None = None
    ) -> tuple[Checkpoint | None, list[str]]:
        """Returns the newest checkpoint that is whole, and what was skipped.

        Damaged ones are set aside under a name that says so, not deleted.

        Args:
            check: Raises ValueError at a checkpoint that is none of a run.

        Returns:
            The checkpoint, None where there is none, and a line about each
            damaged one.

        Raises:
            StorageError: If there are checkpoints, and none of them is whole.
            NewerFormatError: If the newest is of a later version.
        """
        damaged: list[str] = []
        path = self._directory
        try:
            for path in reversed(self._list()):
                try:
                    return _read(path, check), damaged
                except _Damage as damage:
                    damaged.append(f"{path.name}: {damage}")
                    self._set_aside(path)
        except OSError as error:
            # Not damaged, for all that is known.
            raise errors.StorageError(
                f"{path} cannot be read: {error.strerror or error}."
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
        state = json.dumps(
            {"format": format_version.VERSION, **checkpoint.state},
            indent=1,
            allow_nan=False,
        ).encode()
        sums = hashed_files.write_file(
            temporary / _ARRAYS_FILE,
            lambda file: hashed_files.write_arrays(file, checkpoint.arrays),
        )
        sums += hashed_files.write_file(
            temporary / _STATE_FILE, lambda file: file.write(state)
        )
        hashed_files.write_file(
            temporary / _SUMS_FILE, lambda file: file.write(sums.encode())
        )
        sync.sync_directory(temporary)
        os.rename(temporary, self._directory / name)
        sync.sync_directory(self._directory)

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


def _read(
    path: pathlib.Path, check: Callable[[Checkpoint], None] | None
) -> Checkpoint:
    """Returns the checkpoint of a directory; raises `_Damage`."""
    try:
        lines = (path / _SUMS_FILE).read_text(encoding="utf-8").splitlines()
        digests = {}
        for line in lines:
            digest, name = line.split("  ")
            digests[name] = digest
        for name in (_ARRAYS_FILE, _STATE_FILE):
            if hashing.hash_file(path / name) != digests[name]:
                raise _Damage(f"{name} does not have its checksum")
        state = json.loads((path / _STATE_FILE).read_bytes())
        format_version.check(state, path)
        state.pop("format", None)
        checkpoint = Checkpoint(
            hashed_files.read_arrays(path / _ARRAYS_FILE),
            state,
            _number(path),
        )
        if check is not None:
            check(checkpoint)
        return checkpoint
    except format_version.NewerFormatError:
        raise
    except FileNotFoundError as error:
        raise _Damage(f"{pathlib.Path(error.filename).name} is gone") from error
    except hashed_files.UNREADABLE as error:
        raise _Damage(f"it cannot be read ({error})") from error


def _storage_error(
    directory: pathlib.Path, error: OSError
) -> errors.StorageError:
    reason = error.strerror or str(error)
    return errors.StorageError(
        f"A checkpoint could not be written to {directory}: {reason}. Those "
        "written before are whole: make room or give access, and run the same "
        "command again."
    )
