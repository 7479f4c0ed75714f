"""Files opened with care: only regular ones, of a size that a film can have.

A pipe that nobody writes to, an endless device or a sparse file of many
gigabytes may lie in any folder. None of them is opened.
"""

import errno
import os
import pathlib
import re
import stat
import time
from typing import NamedTuple
from typing import Optional

from etils import epath

from xray_tfds.decode import errors as decode_errors
from xray_tfds.source import errors

# A film of 100 million pixels, the most that is decoded by default, has 300 MB
# in 8-bit RGB without compression.
MAX_BYTES = 2**29

# What tells the formats apart lies in the first 352 bytes (NIfTI's the last).
_HEAD_BYTES = 512

# A file written again within one tick of the file system's clock keeps its
# times: a hundredth of a second at most on Linux (HZ=100), 2 s on FAT, which
# like all coarse clocks shows in whole seconds.
_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2_000_000_000

# Begins with a scheme such as `gs://`. One letter is a drive: `C://films`.
_REMOTE = re.compile("[A-Za-z][A-Za-z0-9+.-]+://")

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

# Errors that are the file's own; others, such as too many open files or a
# failing disk, are the machine's and stop the build.
_OWN_ERRORS = {
    errno.ENOENT: "it is gone",
    errno.ENOTDIR: "it is gone",
    errno.ELOOP: "a link to itself",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ENXIO: "a socket or a device",
}


# Name, path and whether it is a folder, of what is in a folder.
Entries = list[tuple[str, epath.Path, bool]]


class Stamp(NamedTuple):
    """By what a file is taken for unchanged, without reading it.

    Attributes:
        size: In bytes.
        mtime_ns: Time of the last change of its content, in nanoseconds.
        ctime_ns: Time of the last change of anything, which no program can set
            back: it gives away a file put in the place of another.
    """

    size: int
    mtime_ns: int
    ctime_ns: int


def is_local(path: epath.PathLike) -> bool:
    """Whether the operating system opens a path, not a cloud's library."""
    return _REMOTE.match(os.fspath(path)) is None


def look(path: epath.PathLike) -> Optional[Stamp]:
    """Returns the stamp of a file that can be read; `None` if it is remote.

    Raises:
        BadFile: If it is no regular file, too large, or not to be read.
    """
    if not is_local(path):
        return None
    try:
        return _check(os.stat(path))
    except OSError as error:
        raise _translate(error, path) from error


def read(path: epath.Path) -> tuple[bytes, Optional[Stamp]]:
    """Returns the content of a file, and its stamp.

    The stamp is `None` where a later change might not show in it: of a remote
    file, and of one that changed just now.

    Raises:
        BadFile: As in `look`.
        SourceError: If the machine cannot read it.
    """
    return _read(path, MAX_BYTES + 1)


def read_head(path: epath.Path) -> tuple[bytes, Optional[Stamp]]:
    """As `read`, of the bytes by which formats are told apart."""
    return _read(path, _HEAD_BYTES)


def list_folder(folder: epath.Path) -> Entries:
    """Returns name, path and whether it is a folder of what is in a folder.

    Raises:
        PermissionError: If it may not be listed.
    """
    if not is_local(folder):
        found = [(p.name, p, p.is_dir()) for p in folder.iterdir()]
    else:
        # `iterdir` leaves out what ends in `~`, and to ask each path whether it
        # is a folder takes twenty times as long.
        with os.scandir(folder) as listed:
            found = [(e.name, folder / e.name, _is_folder(e)) for e in listed]
    return sorted(found, key=lambda item: item[0])


def check_apart(data_dir: epath.PathLike, images_dir: epath.PathLike) -> None:
    """Raises SourceError if records would be written among the images."""
    if not all(map(is_local, (data_dir, images_dir))):
        return
    inner, outer = (
        pathlib.Path(path).expanduser().resolve()
        for path in (data_dir, images_dir)
    )
    if inner.is_relative_to(outer):
        raise errors.SourceError(
            "`data_dir` must be outside the folder of images, which holds "
            "images alone. Add --data_dir=DIR with another directory. "
            f"Received: data_dir={os.fspath(data_dir)}, images in "
            f"{os.fspath(images_dir)}"
        )


def _is_folder(entry: os.DirEntry) -> bool:
    # Of links, one may lead to itself, which the entry takes for an error.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _read(path: epath.Path, size: int) -> tuple[bytes, Optional[Stamp]]:
    if not is_local(path):
        with path.open("rb") as file:
            return file.read(size), None
    look(path)  # To open some devices is to use them.
    now = time.time_ns()
    try:
        # A pipe put there meanwhile must not block, either.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
        flags |= getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            stamp = _check(os.fstat(descriptor))
            # Python takes memory for all that is asked for, which costs twice
            # the time of reading a small file.
            data = file.read(min(size, stamp.size + 1))
            is_same = stamp == _check(os.fstat(descriptor))
    except OSError as error:
        raise _translate(error, path) from error
    return data, stamp if is_same and _is_settled(stamp, now) else None


def _is_settled(stamp: Stamp, now: int) -> bool:
    """Whether a change after `now` gives a file another stamp."""
    newest = max(stamp.mtime_ns, stamp.ctime_ns)
    tick = _TICK_NS if newest % 10**9 else _COARSE_TICK_NS
    return newest + tick < now


def _check(status: os.stat_result) -> Stamp:
    if not stat.S_ISREG(status.st_mode):
        for is_kind, name in _KINDS:
            if is_kind(status.st_mode):
                raise decode_errors.BadFile("not accessible", name)
    if status.st_size > MAX_BYTES:
        raise decode_errors.BadFile(
            "not accessible",
            f"{status.st_size} bytes; at most {MAX_BYTES} are read",
        )
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _translate(error: OSError, path: epath.PathLike) -> ValueError:
    """Returns the error of a file in words."""
    detail = _OWN_ERRORS.get(error.errno or 0)
    if detail is None:
        return errors.SourceError(f"{path} cannot be read: {error.strerror}.")
    if error.errno == errno.ENOENT and os.path.islink(path):
        detail = "a link whose target is not there"
    return decode_errors.BadFile("not accessible", detail)
