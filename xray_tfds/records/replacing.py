"""Records are built beside those they replace, and change places with them.

Beside `1.0.0` lie, while a build runs, `incoming.<letters>_1.0.0`, and TFDS's
`incomplete.<letters>_incoming.<letters>_1.0.0`, from which that is renamed;
between two renamings, for a moment, `replaced.1.0.0`, the old records. None of
these is a version to TFDS. `incomplete.<letters>_<name>` is what workers leave
for the build of a folder or of records of that name. A killed build leaves all
these, and the next clears them away, or names them where it cannot know whether
another build runs.
"""

from collections.abc import Iterator
import contextlib
import re
import tempfile
import uuid

from etils import epath

from disk import lock
from xray_tfds.records import integrity
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib


def incoming(path: epath.Path) -> epath.Path:
    """Returns a new name for the records that are to take a directory's place.

    Builds that cannot wait for each other do not meet there.
    """
    return path.with_name(f"incoming.{uuid.uuid4().hex}_{path.name}")


def staging(path: epath.Path) -> epath.Path:
    """Returns a new name beside a path for what workers leave for a build."""
    return path.with_name(f"incomplete.{uuid.uuid4().hex}_{path.name}")


def local_staging(path: epath.Path) -> epath.Path:
    """As `staging`, for workers of this machine: of a remote path a local."""
    if files_lib.is_local(path):
        return staging(path)
    return epath.Path(tempfile.mkdtemp(prefix="xray_tfds-"))


def _replaced(path: epath.Path) -> epath.Path:
    return path.with_name(f"replaced.{path.name}")


@contextlib.contextmanager
def taking_turns(path: epath.Path) -> Iterator[bool]:
    """Lets one process at a time build what lies at a path, while `with` lasts.

    Args:
        path: The lock is the file `.<name>.lock` beside it.

    Yields:
        Whether no other process builds there. Where that cannot be known, on a
        remote or read-only disk or one without locks, builds do not wait.
    """
    with contextlib.ExitStack() as stack:
        is_alone = files_lib.is_local(path)
        if is_alone:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(
                    lock.hold(
                        path.with_name(f".{path.name}.lock"),
                        f"Another process prepares records in {path.parent}: "
                        "waiting for its end.",
                    )
                )
            except OSError:  # Who writes there will hear why it cannot be.
                is_alone = False
        yield is_alone


def recover(path: epath.Path, is_alone: bool) -> None:
    """Clears away what a killed build has left, and puts old records back.

    Args:
        path: Directory of the records.
        is_alone: Whether no other process builds them; else what may be a
            running build's is left, and named.

    Raises:
        StorageError: If records are in parts, as on a store, which renames a
            folder file by file.
    """
    if _replaced(path).exists():
        if not path.exists():
            _replaced(path).rename(path)
        elif files_lib.is_local(path) or _is_whole(path):
            _replaced(path).rmtree()  # Their replacement is complete.
        else:
            raise errors.StorageError(
                f"{path} is not whole, and {_replaced(path)} has what it was "
                "to replace: a build was killed while they changed places, or "
                "does so now. If none runs, copy the files of the latter to "
                "the former, and run the same command again."
            )
    # The last without letters is of builds of earlier versions.
    kinds = r"(incomplete\.[^_]*_|(incomplete\.[^_]*_)?incoming\.([^_]*_)?)"
    _clear_all(path, kinds, is_alone)


def clear_staging(path: epath.Path, is_alone: bool) -> None:
    """Clears away what workers left for a build that was killed.

    Args:
        path: Beside which they did. Of other names like these nothing is known
            here, where a user keeps folders.
        is_alone: As for `recover`.
    """
    _clear_all(path, r"incomplete\.[0-9a-f]{32}_", is_alone)


def _clear_all(path: epath.Path, kinds: str, is_alone: bool) -> None:
    if not path.parent.exists():
        return
    names = re.compile(kinds + re.escape(path.name))
    # No glob: brackets in the path would be taken for a pattern.
    for left in path.parent.iterdir():
        if names.fullmatch(left.name):
            if is_alone:
                _clear_away(left)
            else:
                print(
                    f"{left} is another build's. Remove it if none runs: one "
                    "that was killed has left it."
                )


def exchange(path: epath.Path, new: epath.Path) -> None:
    """Puts complete records in the place of the old, if there are any.

    Args:
        path: Directory of the records.
        new: Where they are, as `incoming` named it.
    """
    try:
        if path.exists():
            path.rename(_replaced(path))
        new.rename(path)
    except BaseException:  # Whoever presses Ctrl-C now wants the old ones, too.
        if _replaced(path).exists() and not path.exists():
            _replaced(path).rename(path)
        raise
    if _replaced(path).exists():
        # What goes wrong by now does the new records no harm.
        _clear_away(_replaced(path))


def _is_whole(path: epath.Path) -> bool:
    try:
        return not integrity.find_damage(path)
    except OSError:
        return False  # There is not even what says how many records there are.


def _clear_away(path: epath.Path) -> None:
    """Removes what is of no use any more; says so where it cannot be.

    It may be another user's, or be read on a network drive, which keeps what is
    open.
    """
    try:
        path.rmtree()
    except OSError as error:
        print(
            f"{path} is of no use any more, and cannot be removed: "
            f"{error.strerror or error}. Remove it."
        )
