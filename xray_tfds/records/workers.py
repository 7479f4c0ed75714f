"""Builds on this machine: its threads or processes read and decode the files.

As on Beam (`beam`), what is found comes back in columns, and the examples wait
in files of a folder until it is decided which of them are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import contextlib
import functools
import multiprocessing
import os
from typing import NamedTuple
from typing import TYPE_CHECKING

from etils import epath
import numpy as np

from xray_tfds import parallel
from xray_tfds.curate import examine as examine_lib
from xray_tfds.curate import findings as findings_lib
from xray_tfds.decode import limits
from xray_tfds.records import example_files
from xray_tfds.records import examples as examples_lib
from xray_tfds.source import errors
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

# Files from which processes are started. Reduced films are a millisecond each,
# and until processes work, half a second on each core, threads would have
# decoded some hundreds.
MIN_FILES_FOR_PROCESSES = 1000

# Files that a worker is given at once: few where there are few, so that none
# has much to do while the others are done.
_MAX_AT_ONCE = 64
_PARTS_PER_CORE = 16

# A thread is not stopped before it is done with these.
_MAX_AT_ONCE_IN_THREAD = 8


class _Part(NamedTuple):
    """What a worker has found out of its files.

    Attributes:
        columns: As `findings.to_columns`.
        path: Of the file of examples.
        lengths: Of the examples, 0 where there is none.
        key: Fingerprint of the hash key, empty if none was needed.
    """

    columns: dict[str, np.ndarray]
    path: str
    lengths: np.ndarray
    key: str


def examine(
    files: Sequence[source_files.SourceFile],
    config: config_lib.XrayConfig,
    folder: epath.Path,
    hash_key: hash_key_lib.HashKey,
) -> tuple[findings_lib.Findings, example_files.Places]:
    """Reads and decodes files.

    Args:
        files: Those to read, one or more.
        config: How files become records.
        folder: Where the examples wait.
        hash_key: For the identifiers of patients.

    Returns:
        What was found, and where the examples are, of each file.

    Raises:
        SourceError: If a file changed since it was listed.
        PatientError: If `patient_pattern` is ambiguous in a name.
        NotEnoughMemoryError: If the machine has too little memory.
    """
    parts = []
    with _start_workers(len(files)) as executor:
        size = _MAX_AT_ONCE if executor else _MAX_AT_ONCE_IN_THREAD
        most = len(files) // (_PARTS_PER_CORE * parallel.num_cores())
        size = max(1, min(size, most))
        chunks = [files[i : i + size] for i in range(0, len(files), size)]
        examine_part = functools.partial(
            _examine_part,
            config=config,
            folder=folder,
            hash_key=hash_key,
            parent=os.getpid() if executor else None,
        )
        for part in parallel.ordered_map(
            examine_part,
            enumerate(chunks),
            total=len(files),
            desc="Decoding files",
            executor=executor,
            size_of=lambda part: len(part.lengths),
        ):
            _check_key(part.key, hash_key)
            parts.append(part)
    places = example_files.Places(
        [part.path for part in parts], [part.lengths for part in parts]
    )
    columns = findings_lib.concatenate([part.columns for part in parts])
    return findings_lib.Findings(files, columns), places


def _examine_part(
    item: tuple[int, Sequence[source_files.SourceFile]],
    config: config_lib.XrayConfig,
    folder: epath.Path,
    hash_key: hash_key_lib.HashKey,
    parent: int | None,
) -> _Part:
    """Reads and decodes some of the files, in a thread or a process.

    Args:
        item: Number of the part, and its files.
        config: As for `examine`, like the next two.
        folder: See there.
        hash_key: See there.
        parent: The process for which another does so; `None` for a thread.
    """
    number, files = item
    serializer = examples_lib.Serializer(config)

    def examine_one(file):
        if parent not in (None, os.getppid()):
            raise InterruptedError("the build was killed")
        each, png = examine_lib.examine(file, config, hash_key)
        return each, png and serializer.serialize(each, png)

    path = folder / f"examples-{number:06}"
    examined, lengths = example_files.write(path, map(examine_one, files))
    columns = dict(findings_lib.to_columns(examined))
    return _Part(columns, str(path), lengths, hash_key.fingerprint())


@contextlib.contextmanager
def _start_workers(num_files: int) -> Iterator[futures.Executor | None]:
    """Has processes for many files while `with` lasts; `None` for threads.

    Raises:
        NotEnoughMemoryError: If a process was killed.
    """
    if (
        num_files < MIN_FILES_FOR_PROCESSES
        or parallel.num_processes() == 1
        # Such a process may have none of its own.
        or multiprocessing.current_process().daemon
    ):
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            executor = stack.enter_context(parallel.processes())
        except (OSError, ImportError, RuntimeError) as error:
            # As on AWS Lambda, where Python has no semaphores.
            print(
                f"No processes can be started here ({error}): threads decode, "
                "which takes longer where files are small."
            )
            executor = None
        try:
            yield executor
        except futures.BrokenExecutor as error:
            raise limits.NotEnoughMemoryError(
                "A process that decoded files has ended. Most often the system "
                "kills one for want of memory: free some, or decode fewer files"
                " at once, which is one for each core, of which taskset takes "
                f"some away. ({error})"
            ) from error


def _check_key(used: str, hash_key: hash_key_lib.HashKey) -> None:
    """Reads the key that a worker has used, to be the one of this build.

    Raises:
        SourceError: If there is another by now.
    """
    if not used:
        return
    hash_key.read()
    if hash_key.fingerprint() != used:
        raise errors.SourceError(
            "The key by which patients' identifiers are hashed changed while "
            "the dataset was built. Build again."
        )
