"""Which files a block opens, whoever opens them: Python, C++, a child."""

import contextlib
import ctypes
import os
import struct

import pytest

# Of <sys/inotify.h>.
_IN_ACCESS, _IN_MODIFY, _IN_OPEN = 0x1, 0x2, 0x20
_EVENT = struct.Struct("iIII")

needs_inotify = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "inotify_init"), reason="needs Linux"
)


@contextlib.contextmanager
def watching(*paths):
    """Gives a set that has, after the block, the paths that were opened."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init()
    assert descriptor >= 0
    os.set_blocking(descriptor, False)
    events = _IN_ACCESS | _IN_MODIFY | _IN_OPEN
    watched = {
        libc.inotify_add_watch(descriptor, os.fsencode(path), events): path
        for path in paths
    }
    assert len(watched) == len(paths) and min(watched) > 0
    opened = set()
    try:
        yield opened
    finally:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(descriptor, 2**16):
                opened.update(watched[w] for w in _watches(data))
        os.close(descriptor)


def _watches(data):
    start = 0
    while start < len(data):
        watch, _, _, length = _EVENT.unpack_from(data, start)
        yield watch
        start += _EVENT.size + length
