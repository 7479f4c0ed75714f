"""The directory of a run: which one, and whether it can be used."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import contextlib
import datetime
import fcntl
import pathlib
from typing import Any

from training.workdir import files
from training.workdir import run_record

_LOCK_FILE = ".lock"


class RunDirectory:
    """The directory of a run, which no other process uses meanwhile.

    Attributes:
        path: Where it is.
        run: What its `run.json` says; None for a new run.
    """

    def __init__(self, path: str | pathlib.Path) -> None:
        """Locks an existing directory.

        Raises:
            ValueError: If another process works in it, or it cannot be written.
        """
        self.path = pathlib.Path(path)
        try:
            self._lock = open(self.path / _LOCK_FILE, "w", encoding="utf-8")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise ValueError(
                "`workdir` is in use by another process. Wait for its end, or "
                f"name another directory. Received: workdir={self.path}"
            ) from error
        except OSError as error:
            raise _unusable(self.path, error) from error
        self.run = run_record.read(self.path)

    def update_run(self, fields: Mapping[str, Any]) -> None:
        """Writes what is new about the run."""
        self.run = {**(self.run or {}), **fields}
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
    if path.exists() and not path.is_dir():
        raise ValueError(
            f"`workdir` must be a directory. Received: workdir={path}"
        )
    if not holds_run(path):
        found = [name for name in files.ALL if (path / name).exists()]
        if found:
            raise ValueError(
                f"`workdir` holds files of a run ({', '.join(found)}), but no "
                f"{files.RUN_FILE} to resume it by. Name another directory. "
                f"Received: workdir={path}"
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
        found = None if resume == "never" else _find_unfinished(matches)
        return found or _create_by_time()
    path = pathlib.Path(path)
    if resume == "never":
        path = _without_run(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error
    return RunDirectory(path)


def is_in_use(path: str | pathlib.Path) -> bool:
    """Whether another process works in a directory, which need not exist."""
    if not (pathlib.Path(path) / _LOCK_FILE).exists():
        return False
    try:
        RunDirectory(path).close()
    except ValueError:
        return True
    return False


def holds_run(path: str | pathlib.Path) -> bool:
    """Whether a directory, which need not exist, holds a run to resume."""
    return (pathlib.Path(path) / files.RUN_FILE).exists()


def _find_unfinished(
    matches: Callable[[Mapping[str, Any]], bool],
) -> RunDirectory | None:
    candidates = pathlib.Path(files.RUNS_DIR).glob(f"*/{files.RUN_FILE}")
    for file in sorted(candidates, reverse=True):
        run = run_record.read(file.parent)
        if run and not run["finished"] and matches(run):
            # A run that another process is busy with is not one to resume.
            with contextlib.suppress(ValueError):
                return RunDirectory(file.parent)
    return None


def _create_by_time() -> RunDirectory:
    stem = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ["", *(f"-{n}" for n in range(2, 1000))]:
        path = pathlib.Path(files.RUNS_DIR, stem + suffix)
        try:
            path.mkdir(parents=True)
            return RunDirectory(path)
        except FileExistsError:
            continue
        except OSError as error:
            raise _unusable(path, error) from error
    raise ValueError(f"No free name for a run like {path}")


def _without_run(path: pathlib.Path) -> pathlib.Path:
    """Returns `path`, or its like with the first number that is free."""
    number, free = 1, path
    while holds_run(free):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _unusable(path: pathlib.Path, error: OSError) -> ValueError:
    return ValueError(
        "`workdir` must be a directory that can be written to: "
        f"{error.strerror or error}. Received: workdir={path}"
    )
