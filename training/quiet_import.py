"""Importing TensorFlow and Keras, alike on any machine and without a word."""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import glob
import importlib
import os
import re
import sys
import tempfile
import types

from training import keras_settings

# What Keras imports where it is installed: for wrappers, tables and galleries
# that no run has a use for. They take 2.7 of the 6.2 seconds of processor time
# of the import. Metrics and curves import their own after the first step.
_EXTRAS = ("matplotlib", "pandas", "sklearn")

# TensorFlow aborts the process at a number below 0, and at more threads than
# the system gives it.
_THREADS = "TF_NUM_INTRAOP_THREADS"
_MOST_THREADS = 4096

_XLA_FLAGS = ("TF_XLA_FLAGS", "XLA_FLAGS")


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras, which say nothing of themselves on stderr.

    TensorFlow imports a part of Keras, so both are imported with Keras's
    defaults. The search for GPUs, printed on every machine without one, is more
    than a run's own output. `TF_CPP_MIN_LOG_LEVEL`, where the user has set it,
    decides alone; and nothing is lost if the import fails.

    Raises:
        ValueError: If the environment has a number of threads that it cannot
            start.
    """
    _check_threads()
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        _import()
        return
    # On a machine with a GPU, errors about it matter (level 2); without one,
    # even the failed search for it counts as an error.
    has_gpu = bool(glob.glob("/dev/nvidia[0-9]*"))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2" if has_gpu else "3"
    # The first messages come before the level is read, from C++, so only the
    # file descriptor holds them back. A flag of XLA that it does not know ends
    # the process there and then: those words must not be lost.
    with_flags = any(name in os.environ for name in _XLA_FLAGS)
    with contextlib.nullcontext() if with_flags else _stderr_held_back():
        tensorflow = _import()
    tensorflow.get_logger().setLevel("ERROR" if not has_gpu else "WARNING")


def _check_threads() -> None:
    text = os.environ.get(_THREADS, "")
    # What is no number TensorFlow leaves alone.
    is_number = re.fullmatch(r"\s*[-+]?\d+\s*", text, re.ASCII)
    if is_number and not 0 <= int(text) <= _MOST_THREADS:
        raise ValueError(
            f"`{_THREADS}` must be from 0, one for each core, to "
            f"{_MOST_THREADS}. Change it in the environment, or unset it. "
            f"Received: {_THREADS}={text}"
        )


def _import() -> types.ModuleType:
    with keras_settings.defaults(), _left_out(_EXTRAS):
        tensorflow = importlib.import_module("tensorflow")
        importlib.import_module("keras")
        # TensorFlow's own name for it is found when it is first asked for, by
        # the environment of that moment; TensorBoard asks.
        getattr(tensorflow, "keras").callbacks
    return tensorflow


@contextlib.contextmanager
def _left_out(names: Iterable[str]) -> Iterator[None]:
    """Has packages not be found in a block, unless they are imported already.

    None has an import fail:
    https://docs.python.org/3/reference/import.html#the-module-cache
    """
    missing = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Diverts file descriptor 2 to a file, which is shown on an exception.

    Where it is closed, or there is no room for the file, it is left alone.
    """
    with contextlib.ExitStack() as stack:
        try:
            held_back = stack.enter_context(tempfile.TemporaryFile())
            original = os.dup(2)
        except OSError:
            yield
            return
        sys.stderr.flush()
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(original, held_back.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
