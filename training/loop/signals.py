"""Ctrl-C and SIGTERM as a request that the loop meets between two steps."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import signal
import threading
import types

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether, and by which signal, the run has been asked to stop.

    Attributes:
        signum: The signal's number; None while there was none.
    """

    def __init__(self) -> None:
        self.signum: int | None = None

    def __bool__(self) -> bool:
        return self.signum is not None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Gives a `StopRequest` that the first SIGINT or SIGTERM fills.

    A second signal acts as it did before the block, so that Ctrl-C twice
    always ends a process. The handlers found are restored at the end.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        # Python lets only the main thread handle signals.
        yield request
        return
    previous = {signum: signal.getsignal(signum) for signum in _SIGNALS}

    def restore() -> None:
        for signum, handler in previous.items():
            # None: the handler was not installed from Python.
            signal.signal(signum, handler or signal.SIG_DFL)

    def handle(signum: int, frame: types.FrameType | None) -> None:
        del frame
        request.signum = signum
        restore()

    for signum in _SIGNALS:
        signal.signal(signum, handle)
    try:
        yield request
    finally:
        restore()
