"""Errors of the disk with the records, in words."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import json
import os
import shlex
import sys
from typing import Any
from typing import TYPE_CHECKING

from etils import epath

from xray_tfds.source import errors

if TYPE_CHECKING:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import writer as writer_lib

# What TFDS writes of a dataset, beside its records.
_INFO_FILES = ("dataset_info.json", "features.json", "metadata.json")


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
    except BrokenPipeError:
        raise  # Of what is printed: no record is written to a pipe.
    except OSError as error:
        where = place_of(error, directory)
        raise _describe(where, error.strerror or str(error)) from error
    except Exception as error:
        # TensorFlow writes the records. Where it was not imported it is not to
        # blame, and to import it would take seconds.
        tf = sys.modules.get("tensorflow")
        if tf is None or not isinstance(error, tf.errors.OpError):
            raise
        raise _describe(os.fspath(directory), error.message) from error


def place_of(error: OSError, directory: epath.PathLike) -> str:
    """Returns the file that the system names; the directory if it names none.

    Of two, such as those of a renaming, it is the second.
    """
    names = [n for n in (error.filename, error.filename2) if n is not None]
    return os.fsdecode(names[-1]) if names else os.fspath(directory)


def write_examples(
    writer: writer_lib.ExampleWriter,
    path: epath.PathLike,
    examples: Iterable[tuple[Any, bytes]],
) -> None:
    """Writes a file of examples.

    Args:
        writer: TFDS's.
        path: Of the file.
        examples: Pairs of a key, which is not written, and an example.

    Raises:
        StorageError: If ArrayRecord's library cannot write it, which has no
            error class for that.
        OpError: TensorFlow's, if that cannot.
    """
    try:
        writer.write(path, examples)
    except RuntimeError as error:
        raise _describe(os.fspath(path), str(error)) from error


def describe_unopened(
    directory: epath.PathLike, error: Exception, file_format: Any = None
) -> errors.StorageError:
    """Returns the error about records that TFDS does not open.

    It has many words for what it cannot read, and no error class. Damage is
    what is found to be damaged; the rest, as a library of another version, is
    no reason to remove records.

    Args:
        directory: Of the records.
        error: What TFDS raised.
        file_format: The one that was asked for; `None` for any.
    """
    held = ""
    for name in _INFO_FILES:
        path = epath.Path(directory) / name
        try:
            content = json.loads(path.read_text())
            is_whole = isinstance(content, dict)
        except FileNotFoundError:
            continue
        except OSError as reason:
            return errors.StorageError(
                f"{path} cannot be read: {reason.strerror or reason}. Give "
                "access to it, and run the same command again."
            )
        except (ValueError, RecursionError):
            is_whole = False
        if not is_whole:
            return errors.StorageError(
                f"{directory} is damaged: {name} is no JSON object. Restore "
                f"it, or remove {_INFO_FILES[0]} there and prepare the records "
                "again: what lies beside it keeps patients in their splits."
            )
        held = held or content.get("fileFormat", "")
    asked = getattr(file_format, "value", file_format)
    if asked is not None and held and asked != held:
        return errors.StorageError(
            f"The records in {directory} are {held} files. Leave "
            "--file_format (`file_format`) out, or prepare others in another "
            "directory, --data_dir=DIR (`data_dir`). Received: "
            f"file_format={asked}"
        )
    return errors.StorageError(
        f"TensorFlow Datasets does not open the records in {directory} "
        f"({type(error).__name__}: {str(error).strip()[:200]}). If none of "
        "their files was changed, it is of a version that does not know them: "
        "install the one that they were prepared with, or prepare them again "
        "in another directory, --data_dir=DIR (`data_dir`)."
    )


def spell_build(builder: tfds.core.DatasetBuilder) -> str:
    """Returns the command that builds these records, of a folder DIR."""
    config, file_format = builder.builder_config, builder.info.file_format
    chosen = {
        name: getattr(config, name)
        for name in config.options()
        if getattr(config, name) != getattr(type(config), name)
    }
    flags = {"data_dir": os.fspath(builder.data_dir_root)}
    if chosen:
        flags["config"] = json.dumps(chosen, ensure_ascii=False)
    if file_format.value != "tfrecord":
        flags["file_format"] = file_format.value
    return "tfds build xray_tfds --manual_dir=DIR " + " ".join(
        f"--{name}={shlex.quote(value)}" for name, value in flags.items()
    )


def _describe(where: str, reason: str) -> errors.StorageError:
    return errors.StorageError(
        f"Records could not be written or read at {where}: {reason}. Those that"
        " were there are as they were: make room or give access, and run the"
        " same command again, or with another directory for records:"
        " --data_dir=DIR (`data_dir`)."
    )
