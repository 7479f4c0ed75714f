"""The directory of a run: which one, and whether it can be used."""

import contextlib
import datetime
import fcntl
import pathlib

from training.workdir import atomic
from training.workdir import files

_LOCK_FILE = ".lock"


class RunDirectory:
    """The directory of a run, which no other process uses meanwhile.

    Attributes:
        path: `pathlib.Path`.
        run: What `write_run` wrote when the run began, as a dict; None for a
            new run.
    """

    def __init__(self, path):
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
        self.run = read_run(self.path)

    def write_run(self, run):
        """Writes what says whose run this is.

        Args:
            run: Dict of what JSON can hold.
        """
        atomic.write_json(self.path / files.RUN_FILE, run)
        self.run = run

    def close(self):
        """Lets other processes use the directory."""
        self._lock.close()


def check(path):
    """Raises where a run could not be kept in `path`; creates nothing.

    Args:
        path: The directory asked for, or None for one under `runs/`.

    Raises:
        ValueError: If it is not a directory, or holds files of a run that
            cannot be gone on with.
    """
    if path is None:
        return
    path = pathlib.Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(
            f"`workdir` must be a directory. Received: workdir={path}"
        )
    if not (path / files.RUN_FILE).exists():
        found = [name for name in files.ALL if (path / name).exists()]
        if found:
            raise ValueError(
                f"`workdir` holds files of a run ({', '.join(found)}), but no "
                f"{files.RUN_FILE} to go on by. Name another directory. "
                f"Received: workdir={path}"
            )


def open_directory(path, *, matches, resume="auto"):
    """Returns the `RunDirectory` of a new run, or of one to go on with.

    Args:
        path: The directory asked for. None for the newest one under `runs/`
            that holds an unfinished run that `matches`, or a new one there,
            named by the time.
        matches: Function from a `run` to whether it is this one.
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


def is_in_use(path):
    """Whether another process works in a directory, which need not exist."""
    if not (pathlib.Path(path) / _LOCK_FILE).exists():
        return False
    try:
        RunDirectory(path).close()
    except ValueError:
        return True
    return False


def read_run(path):
    """Returns what `write_run` wrote into a directory; None if nothing."""
    try:
        return atomic.read_json(pathlib.Path(path) / files.RUN_FILE)
    except FileNotFoundError:
        return None


def _find_unfinished(matches):
    candidates = pathlib.Path(files.RUNS_DIR).glob(f"*/{files.RUN_FILE}")
    for file in sorted(candidates, reverse=True):
        run = read_run(file.parent)
        if run and not run["finished"] and matches(run):
            # A run that another process is busy with is not one to go on with.
            with contextlib.suppress(ValueError):
                return RunDirectory(file.parent)
    return None


def _create_by_time():
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


def _without_run(path):
    """Returns `path`, or its like with the first number that is free."""
    number, free = 1, path
    while (free / files.RUN_FILE).exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _unusable(path, error):
    return ValueError(
        "`workdir` must be a directory that can be written to: "
        f"{error.strerror or error}. Received: workdir={path}"
    )
