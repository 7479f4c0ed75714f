"""Work on many files at once, in order, in bounded memory."""

from __future__ import annotations

import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent import futures
import contextlib
import gc
import importlib
import os
import sys
from typing import TypeVar

import tqdm.auto

from console import streams

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Seconds between two lines of progress where they stay, in a log.
_LOG_SECONDS = 30


def num_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Not on macOS and Windows.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    total: int | None = None,
    desc: str | None = None,
    ahead: int = 0,
    workers: int = 0,
) -> Iterator[_Result]:
    """Yields `function(item)` for each item, in order, computed by threads.

    Threads suffice because reading, hashing and PIL's decoding and resizing
    release the interpreter's lock. At most a few items for each core are in
    flight, so that memory does not grow with their number.

    Args:
        function: Called with one item, from any thread.
        items: Iterable.
        total: Number of items for the progress bar, if known.
        desc: Title of a progress bar; without it none is shown. In a log
            it is a line now and then of work that takes long.
        ahead: How many items may be computed while nobody asks for one, where
            four for each thread are fewer: enough for a consumer who takes many
            at a time.
        workers: How many threads; 0 for one more than cores.

    Yields:
        The results. The first exception of `function` is raised in its place.
    """
    # One more than cores: the consumer takes a share of one of them.
    workers = workers or num_cores() + 1
    pending: collections.deque = collections.deque()
    executor = futures.ThreadPoolExecutor(workers)
    pause = 0.1 if streams.is_live(sys.stderr) else _LOG_SECONDS
    progress = tqdm.auto.tqdm(
        total=total,
        desc=desc,
        unit=" files",
        leave=False,
        disable=desc is None,
        mininterval=pause,
        maxinterval=pause,
        delay=pause,
    )
    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) > max(4 * workers, ahead):
                yield pending.popleft().result()
                progress.update()
        while pending:
            yield pending.popleft().result()
            progress.update()
    finally:
        # Also reached when the consumer stops early or an item fails.
        executor.shutdown(cancel_futures=True)
        progress.close()


@contextlib.contextmanager
def keeping_garbage() -> Iterator[None]:
    """Lets the garbage collector rest while the body of `with` runs.

    Where a hundred thousand objects are made to stay, it looks at all of them
    again and again, which takes as long as to make them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def collecting_new() -> Iterator[None]:
    """Lets the garbage collector look at new objects only while `with` lasts.

    TensorFlow's modules are half a million objects that stay. To look at them
    takes half a second of a core, up to three times in a build.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def importing(names: Iterable[str]) -> Iterator[None]:
    """Imports modules while the body of `with` runs, and before it ends.

    The garbage collector rests meanwhile: an import leaves no garbage, and to
    look for some takes a quarter of its time, of which nothing else runs. Nor
    does it look at what was imported until `collecting_new` ends.

    Args:
        names: Iterable of names of modules.

    Raises:
        ImportError: After the body, if one cannot be imported.
    """

    def import_all() -> None:
        for name in names:
            importlib.import_module(name)

    def resume(_: futures.Future[None]) -> None:
        gc.freeze()
        gc.enable()

    was_enabled = gc.isenabled()
    with futures.ThreadPoolExecutor(1) as executor:
        gc.disable()
        imported = executor.submit(import_all)
        if was_enabled:
            imported.add_done_callback(resume)
        yield
    imported.result()
