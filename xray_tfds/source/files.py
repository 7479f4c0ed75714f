"""Files opened with care: only regular ones, of a size that a film can have.

A pipe that nobody writes to, an endless device or a sparse file of many
gigabytes may lie in any folder. None of them is opened.

Files of this machine are the operating system's, others a bucket's (`buckets`).
"""

import errno
import hashlib
import os
import stat
import time
from typing import NamedTuple
from typing import Optional

from etils import epath

from disk import paths
from xray_tfds.decode import errors as decode_errors
from xray_tfds.source import buckets
from xray_tfds.source import errors
from xray_tfds.source import stores

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

# How often a file is read that another program writes meanwhile.
_MAX_READS = 3

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_GONE = "it is gone"

# Errors that are the file's own; others, such as too many open files or a
# failing disk, are the machine's and stop the build.
_OWN_ERRORS = {
    errno.ENOENT: _GONE,
    errno.ENOTDIR: _GONE,
    errno.ELOOP: "a link to itself",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ENXIO: "a socket or a device",
}

# Whether the operating system opens a path, not the library of a store.
is_local = paths.is_local


class Stamp(NamedTuple):
    """By what a file is taken for unchanged, without reading it.

    Attributes:
        size: In bytes.
        mtime_ns: Time of the last change of its content, in nanoseconds; of a
            file in a bucket, a number made of that time.
        ctime_ns: Time of the last change of anything, which no program can set
            back: it gives away a file put in the place of another. Of a file
            in a bucket, a number made of its ETag, which does the same.
        inode: Its number on the disk, modulo 2**63; 0 of a file in a bucket.
            Two folders that change names leave the times of their files, and
            many files are written within one tick of the clock.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int = 0


def to_path(path: epath.PathLike) -> epath.Path:
    """Returns a path as an object.

    Raises:
        SourceError: If it is remote, and in no bucket of a known kind.
    """
    if not is_local(path):
        stores.check(os.fspath(path))
    return epath.Path(path)


def to_folder(path: epath.PathLike) -> epath.Path:
    """Returns the path of a folder, absolute: paths in it begin with it.

    Links and `..` stay: what `LINK/..` is, only the system knows.

    Raises:
        SourceError: As `to_path`.
    """
    folder = to_path(path).expanduser()
    if is_local(folder) and not folder.is_absolute():
        # Not `absolute`, which of an `epath.Path` takes `..` away.
        return epath.Path(os.path.join(os.getcwd(), folder))
    return folder


def is_file(path: epath.Path) -> bool:
    """Whether there is a file at a path, whatever its kind or size.

    Raises:
        SourceError: If the store does not say.
    """
    if is_local(path):
        return path.is_file()
    try:
        return not buckets.find(os.fspath(path)).is_folder
    except FileNotFoundError:
        return False


def look(path: epath.PathLike, listed: Optional[Stamp] = None) -> Stamp:
    """Returns the stamp of a file that can be read.

    Args:
        path: Of the file.
        listed: Its stamp in the listing of a bucket, which need not be asked
            again.

    Raises:
        BadFile: If it is no regular file, too large, or not to be read.
        SourceError: If the machine, or the store, does not say.
    """
    if not is_local(path):
        return _check_size(listed or _find(os.fspath(path)))
    try:
        return _check(os.stat(path))
    except OSError as error:
        raise _translate(error, path) from error


def read(
    path: epath.Path, listed: Optional[Stamp] = None
) -> tuple[bytes, Optional[Stamp]]:
    """Returns the content of a file, and its stamp.

    The stamp is `None` of a file that changed just now: a later change might
    not show in it. That of a file in a bucket is older than the content.

    Args:
        path: Of the file.
        listed: As in `look`.

    Raises:
        BadFile: As in `look`.
        SourceError: If the machine, or the store, cannot read it, or if it is
            never the same for as long as that takes.
    """
    for _ in range(_MAX_READS):
        data, stamp, is_same = _read(path, MAX_BYTES + 1, listed)
        if is_same:
            return data, stamp
    raise errors.SourceError(
        f"{path} changed each of {_MAX_READS} times that it was read: another "
        "program writes it. Run the same command again once that is done."
    )


def read_head(
    path: epath.Path, listed: Optional[Stamp] = None
) -> tuple[bytes, Optional[Stamp]]:
    """As `read`, of the bytes by which formats are told apart.

    Of a file that is being written, too: it need not be an image.
    """
    data, stamp, is_same = _read(path, _HEAD_BYTES, listed)
    return data, stamp if is_same else None


def stamp_of(found: buckets.Object) -> Stamp:
    """Returns the stamp of a file in a bucket, of what its store says."""
    times = (found.modified, found.etag)
    return Stamp(found.size, *map(_to_number, times))


def _to_number(text: str) -> int:
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:7], "big")  # Below that, in 64 bits.


def _find(path: str) -> Stamp:
    try:
        found = buckets.find(path)
    except FileNotFoundError:
        raise decode_errors.BadFile("not accessible", _GONE) from None
    if found.is_folder:
        raise decode_errors.BadFile("not accessible", "a folder")
    return stamp_of(found)


def _read_remote(
    path: str, size: int, listed: Optional[Stamp]
) -> tuple[bytes, Stamp]:
    stamp = look(path, listed)
    try:
        return buckets.read(path, stamp.size, size), stamp
    except FileNotFoundError:
        raise decode_errors.BadFile("not accessible", _GONE) from None


def _read(
    path: epath.Path, size: int, listed: Optional[Stamp]
) -> tuple[bytes, Optional[Stamp], bool]:
    """Returns bytes, stamp, and whether it was the same all the time."""
    name = os.fspath(path)  # Once: an `epath.Path` makes it anew each time.
    if not is_local(name):
        return *_read_remote(name, size, listed), True
    look(name)  # To open some devices is to use them.
    now = time.time_ns()
    try:
        # A pipe put there meanwhile must not block, either.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
        flags |= getattr(os, "O_BINARY", 0)
        descriptor = os.open(name, flags)
        with os.fdopen(descriptor, "rb") as file:
            stamp = _check(os.fstat(descriptor))
            # Python takes memory for all that is asked for, which costs twice
            # the time of reading a small file.
            data = file.read(min(size, stamp.size + 1))
            is_same = stamp == _check(os.fstat(descriptor))
    except OSError as error:
        raise _translate(error, name) from error
    return data, stamp if _is_settled(stamp, now) else None, is_same


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
    return _check_size(
        Stamp(
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino % 2**63,  # Columns have 64 bits with a sign.
        )
    )


def _check_size(stamp: Stamp) -> Stamp:
    if stamp.size > MAX_BYTES:
        raise decode_errors.BadFile(
            "not accessible",
            f"{stamp.size} bytes; at most {MAX_BYTES} are read",
        )
    return stamp


def _translate(error: OSError, path: epath.PathLike) -> ValueError:
    """Returns the error of a file in words."""
    detail = _OWN_ERRORS.get(error.errno or 0)
    if detail is None:
        return errors.SourceError(f"{path} cannot be read: {error.strerror}.")
    if error.errno == errno.ENOENT and os.path.islink(path):
        detail = "a link whose target is not there"
    return decode_errors.BadFile("not accessible", detail)
