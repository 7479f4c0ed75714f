"""Processes that get the signals of the one that started them, and end with it.

The parent holds the write end of each child's standard input and never writes:
however it ends, the kernel closes that pipe, and the child, a program that
calls `end_with_parent`, ends too.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import types
from typing import Any

# Tells a child what its standard input is.
_VARIABLE = "XRAY_TFDS_STDIN_IS_PARENT"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Children:
    """A block in which child processes run.

    Signals that would end this process are passed on to them instead, each as
    often as it comes; SIGHUP as SIGTERM, after which training writes a
    checkpoint. Who is left at the end of the block is killed.

    Attributes:
        received: Numbers of the signals so far.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self._num_sent: dict[subprocess.Popen[bytes], int] = {}
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Children:
        # Before there is a child that could be left alone.
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            signum = getattr(signal, name, None)
            # Ignored: a run under nohup, or in the background of a script.
            if signum and signal.getsignal(signum) != signal.SIG_IGN:
                self._previous[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
        for process in self._num_sent:
            process.wait()
        for signum, handler in self._previous.items():
            # None: the handler was not installed from Python.
            signal.signal(signum, handler or signal.SIG_DFL)

    def start(
        self,
        command: Sequence[str],
        environ: Mapping[str, str] = os.environ,
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """Starts a child; one that comes after a signal gets it at once.

        Args:
            command: Program and arguments.
            environ: Its environment.
            **options: Others of `subprocess.Popen`.
        """
        process = subprocess.Popen(
            command,
            env={**environ, _VARIABLE: "1"},
            stdin=subprocess.PIPE,
            # Ctrl-C in a terminal reaches the parent alone, which passes it on.
            start_new_session=True,
            **options,
        )
        self._num_sent[process] = 0
        self._deliver()
        return process

    def kill(self) -> None:
        """Kills all children that run."""
        for process in self._num_sent:
            process.kill()

    def _note(self, signum: int, frame: types.FrameType | None) -> None:
        del frame
        self.received.append(signum)
        self._deliver()

    def _deliver(self) -> None:
        # A signal may interrupt this at any line: counted first, none is sent
        # twice.
        for process in list(self._num_sent):
            while self._num_sent[process] < len(self.received):
                signum = self.received[self._num_sent[process]]
                self._num_sent[process] += 1
                # Windows gives Ctrl-C to all processes of a console itself; any
                # signal sent there would end the child before its checkpoint.
                if os.name == "posix":
                    is_interrupt = signum == signal.SIGINT
                    process.send_signal(
                        signal.SIGINT if is_interrupt else signal.SIGTERM
                    )


def end_with_parent() -> None:
    """Has this process killed when the `Children` that started it is gone.

    Does nothing in a process that was started otherwise.
    """
    if os.environ.pop(_VARIABLE, None) is None:
        return
    if sys.platform == "linux":
        # Also while C++ code holds Python's lock, which stops the thread.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_await_end_of_input, daemon=True).start()


def _await_end_of_input() -> None:
    while os.read(0, 1):
        pass
    os._exit(128 + signal.SIGTERM)
