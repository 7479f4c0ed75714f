"""Output that may fail: what a run is for are its files.

A reader that has seen enough (`train.py | head`), a log on a full disk or a
closed descriptor end no run. The exit status says that output was lost.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import sys
from typing import Any
from typing import TextIO

from console import warning_filters
from training import errors


class SurvivingStream:
    """A text stream that keeps its errors to itself.

    Attributes:
        error: The first one; None while all is well.
    """

    def __init__(self, stream: TextIO) -> None:
        """Takes another stream's place."""
        self._stream = stream
        self.error: OSError | ValueError | None = None

    def write(self, text: str) -> int:
        """Writes what can be written; returns the length of `text`."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError as error:
            # A file's name, as a rule: better escaped than not at all.
            escaped = text.encode(error.encoding, "backslashreplace")
            self.write(escaped.decode(error.encoding))
        except (OSError, ValueError) as error:  # ValueError: it is closed.
            self.error = self.error or error
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes one after the other."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flushes what can be flushed."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.error = self.error or error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def surviving() -> Iterator[None]:
    """Lets a program live on without its standard output and error.

    Where it exits with 0 and standard output was lost, it does so with
    `errors.OUTPUT_LOST_STATUS` instead.
    """
    warning_filters.keep_warnings()
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    # Python has None for a stream that was closed when it started.
    streams = [
        SurvivingStream(stream or open(os.devnull, "w", encoding="utf-8"))
        for stream in before
    ]
    sys.stdout, sys.stderr = streams  # type: ignore[assignment]
    try:
        yield
    except SystemExit as ending:
        sys.stdout.flush()
        lost = streams[0].error
        if lost is None or ending.code:
            raise
        if not isinstance(lost, BrokenPipeError):  # Of which its reader knows.
            print(
                f"Standard output could not be written to: {lost}. All else "
                "is done.",
                file=sys.stderr,
            )
        sys.exit(errors.OUTPUT_LOST_STATUS)
    finally:
        for stream, number in zip(streams, (1, 2)):
            stream.flush()
            if stream.error is not None:
                _divert(number)
        sys.stdout, sys.stderr = before


def _open_closed_descriptors() -> None:
    """Opens standard input, output and error where they are closed.

    The next file to be opened, a checkpoint even, would take their number, and
    what TensorFlow has to say about itself would be written into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _divert(number: int) -> None:
    """Lets Python's last flush succeed, whose failure would be the status.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, number)
    os.close(devnull)
