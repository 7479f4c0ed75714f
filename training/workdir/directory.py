"""The directory of a run: which one, and whether it can be used."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import datetime
import os
import pathlib
from typing import Any
from typing import IO

from disk import lock
from training.workdir import files
from training.workdir import run_record
from training.workdir import storage

_LOCK_FILE = ".lock"


class InUseError(ValueError):
    """Another process works in a directory."""


class RunDirectory:
    """The directory of a run, which no other process uses meanwhile.

    Attributes:
        path: Where it is.
        run: What its `run.json` says; None for a new run.
        notices: Lines for the user about how it was chosen.
    """

    def __init__(self, path: str | pathlib.Path) -> None:
        """Locks an existing directory.

        Raises:
            ValueError: If another process works in it, it cannot be written to,
                or its `run.json` cannot be read.
        """
        self.path = pathlib.Path(path)
        self.notices: tuple[str, ...] = ()
        self._lock = _lock(self.path)
        try:
            self.run = run_record.read(self.path)
        except BaseException:
            self.close()
            raise

    def update_run(self, fields: Mapping[str, Any]) -> None:
        """Writes what is new about the run.

        Raises:
            StorageError: If it cannot be written.
        """
        self.run = {**(self.run or {}), **fields}
        with storage.reporting_errors(self.path):
            run_record.write(self.path, self.run)

    def close(self) -> None:
        """Lets other processes use the directory."""
        self._lock.close()


def check(path: str | pathlib.Path | None) -> None:
    """Raises where a run could not be kept in `path`; creates nothing.

    Args:
        path: The directory asked for, or None for one under `runs/`.

    Raises:
        ValueError: If it is not a directory, or holds files of a run that
            cannot be resumed.
    """
    if path is None:
        return
    path = pathlib.Path(path)
    with _usable(path):
        if path.exists() and not path.is_dir():
            raise ValueError(
                "`workdir` must be a directory. Add --workdir=DIR with another "
                f"name. Received: workdir={path}"
            )
        if holds_run(path):
            return
        found = [name for name in files.ALL if (path / name).exists()]
    if found:
        raise ValueError(
            f"`workdir` holds files of a run ({', '.join(found)}), but no "
            f"{files.RUN_FILE} to resume it by. Name another directory: "
            f"--workdir=DIR. Received: workdir={path}"
        )


def open_directory(
    path: str | pathlib.Path | None,
    *,
    matches: Callable[[Mapping[str, Any]], bool],
    resume: str = "auto",
) -> RunDirectory:
    """Returns the directory of a new run, or of one to resume.

    Args:
        path: The directory asked for. None for the newest one under `runs/`
            that holds an unfinished run that `matches`, or a new one there,
            named by the time.
        matches: Whether what a `run.json` says is this run.
        resume: "never" for a new directory in any case: `path` with a number
            behind it, if it holds a run.

    Raises:
        ValueError: If the directory cannot be used.
    """
    check(path)
    if path is None:
        with _usable(pathlib.Path(files.RUNS_DIR)):
            if resume == "never":
                return _create_by_time()
            return _open_unfinished(matches)
    path = pathlib.Path(path)
    with _usable(path):
        if resume == "never":
            path = _without_run(path)
        path.mkdir(parents=True, exist_ok=True)
        _check_checkpoints(path)
        return RunDirectory(path)


def is_in_use(path: str | pathlib.Path) -> bool:
    """Whether another process works in a directory, which need not exist."""
    path = pathlib.Path(path)
    with _usable(path):
        if not (path / _LOCK_FILE).exists():
            return False
        try:
            _lock(path).close()
        except InUseError:
            return True
    return False


def holds_run(path: str | pathlib.Path) -> bool:
    """Whether a directory, which need not exist, holds a run to resume."""
    return (pathlib.Path(path) / files.RUN_FILE).exists()


def _lock(path: pathlib.Path) -> IO[str]:
    """Returns the open file that locks a directory until it is closed."""
    file = open(path / _LOCK_FILE, "w", encoding="utf-8")
    try:
        lock.acquire(file)
    except BlockingIOError as error:
        file.close()
        raise InUseError(
            "`workdir` is in use by another process. Wait for its end, or "
            f"name another directory. Received: workdir={path}"
        ) from error
    except OSError:
        file.close()
        raise
    return file


def _open_unfinished(
    matches: Callable[[Mapping[str, Any]], bool],
) -> RunDirectory:
    """Opens the newest run that is to be resumed, or else a new one."""
    notices = []
    candidates = pathlib.Path(files.RUNS_DIR).glob(f"*/{files.RUN_FILE}")
    for file in sorted(candidates, reverse=True):
        try:
            run = run_record.read(file.parent)
            if not run or run["finished"] or not matches(run):
                continue
            _check_checkpoints(file.parent)
            directory = RunDirectory(file.parent)
        except InUseError:
            continue
        except (OSError, ValueError) as error:
            notices.append(f"Skipped a run: {error}")
        else:
            break
    else:
        directory = _create_by_time()
    directory.notices = tuple(notices)
    return directory


def _check_checkpoints(path: pathlib.Path) -> None:
    """Raises ValueError where a run would begin anew over its own results.

    Metrics and the last model are written after a checkpoint.
    """
    names = (files.METRICS_FILE, files.MODEL_FILE)
    results = [name for name in names if (path / name).exists()]
    found: list[str] = []
    folder = path / files.CHECKPOINTS_DIR
    # Not by `glob`, to which a folder that may not be read is empty.
    with _usable(folder), contextlib.suppress(FileNotFoundError):
        found = os.listdir(folder)
    if results and not any(name.startswith("checkpoint-") for name in found):
        raise ValueError(
            f"`workdir` holds results of a run ({', '.join(results)}), but "
            "none of the checkpoints to resume it from: it would begin anew "
            f"and overwrite them. Put {files.CHECKPOINTS_DIR} back, or begin a "
            "new run in a new directory by --resume=never. Received: "
            f"workdir={path}"
        )


def _create_by_time() -> RunDirectory:
    stem = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ["", *(f"-{n}" for n in range(2, 1000))]:
        path = pathlib.Path(files.RUNS_DIR, stem + suffix)
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return RunDirectory(path)
    raise ValueError(f"No free name for a run like {path}")


def _without_run(path: pathlib.Path) -> pathlib.Path:
    """Returns `path`, or its like with the first number that is free."""
    number, free = 1, path
    while holds_run(free):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


@contextlib.contextmanager
def _usable(path: pathlib.Path) -> Iterator[None]:
    """Turns what the system says against a directory into words."""
    try:
        yield
    except OSError as error:
        raise ValueError(
            "`workdir` must be a directory that can be written to: "
            f"{error.strerror or error}. Add --workdir=DIR with another. "
            f"Received: workdir={path}"
        ) from error
