"""Errors of the disk with the records, in words."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import sys

from etils import epath

from xray_tfds.source import errors


@contextlib.contextmanager
def reporting_errors(directory: epath.PathLike) -> Iterator[None]:
    """Turns what the system says of a disk into a `StorageError`.

    Args:
        directory: Of the records, named where the system names no file, as when
            a disk is full.

    Raises:
        StorageError: With what the system says, and what to do.
    """
    try:
        yield
    except OSError as error:
        names = [n for n in (error.filename, error.filename2) if n is not None]
        where = os.fsdecode(names[-1]) if names else os.fspath(directory)
        raise _describe(where, error.strerror or str(error)) from error
    except Exception as error:
        # TensorFlow writes the records. Where it was not imported it is not to
        # blame, and to import it would take seconds.
        tf = sys.modules.get("tensorflow")
        if tf is None or not isinstance(error, tf.errors.OpError):
            raise
        raise _describe(os.fspath(directory), error.message) from error


def _describe(where: str, reason: str) -> errors.StorageError:
    return errors.StorageError(
        f"Records could not be written or read at {where}: {reason}. Those that"
        " were there are as they were: make room or give access, and run the"
        " same command again, or with another directory for records:"
        " --data_dir=DIR (`data_dir`)."
    )
