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
import multiprocessing
import os
import sys
from typing import TypeVar

import tqdm.auto

from console import streams

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Seconds between two lines of progress where they stay, in a log.
_LOG_SECONDS = 30

# After so many seconds without work a process of `processes` ends.
_IDLE_SECONDS = 30


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
    executor: futures.Executor | None = None,
    size_of: Callable[[_Result], int] | None = None,
) -> Iterator[_Result]:
    """Yields `function(item)` for each item, in order, computed by threads.

    Threads suffice for large files, because reading, hashing and PIL's decoding
    and resizing release the interpreter's lock. At most a few items for each
    core are in flight, so that memory does not grow with their number.

    Args:
        function: Called with one item, from any thread of this process unless
            there is an executor.
        items: Iterable.
        total: Number of items for the progress bar, if known.
        desc: Title of a progress bar; without it none is shown. In a log
            it is a line now and then of work that takes long.
        ahead: How many items may be computed while nobody asks for one, where
            four for each thread are fewer: enough for a consumer who takes many
            at a time.
        workers: How many threads; 0 for one more than cores.
        executor: What computes instead of threads, such as `processes`.
        size_of: How much of `total` a result is; one if left out.

    Yields:
        The results. The first exception of `function` is raised in its place.
    """
    # One more than cores: the consumer takes a share of one of them.
    workers = workers or num_cores() + 1
    pending: collections.deque = collections.deque()
    threads = None
    if executor is None:
        executor = threads = futures.ThreadPoolExecutor(workers)
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

    def take() -> _Result:
        result = pending.popleft().result()
        progress.update(size_of(result) if size_of else 1)
        return result

    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) > max(4 * workers, ahead):
                yield take()
        while pending:
            yield take()
    finally:
        # Also reached when the consumer stops early or an item fails.
        for future in pending:
            future.cancel()
        if threads is not None:
            threads.shutdown()
        progress.close()


def num_processes() -> int:
    """Returns of how many processes each has a core; a container has a share.

    Unlike a thread, a process takes memory before it has any work.
    """
    import loky  # Few builds need it.

    return min(num_cores(), loky.cpu_count())


@contextlib.contextmanager
def processes() -> Iterator[futures.Executor]:
    """Has an executor of `num_processes` processes while `with` lasts.

    Where one file is little work, threads wait for the interpreter's lock more
    than they work. A process takes half a second to start. Unlike those of
    `multiprocessing`, these import no more than what they are to do: not the
    program that starts them, which need not protect itself from that.

    Yields:
        The executor; what it is given, and returns, is pickled.

    Raises:
        OSError: If the machine lets no process be started, or, as the next,
            has no semaphores for it.
        ImportError: See above.
        RuntimeError: If a process ends before it has imported this module.
    """
    import loky

    before = multiprocessing.active_children()
    executor = loky.ProcessPoolExecutor(
        num_processes(),
        # If their parent is gone they end after as long again.
        timeout=_IDLE_SECONDS,
        # One that has read a large file would be taken for leaking memory.
        env={"LOKY_MAX_MEMORY_LEAK_SIZE": str(sys.maxsize)},
    )
    try:
        try:
            executor.submit(num_cores).result()
        except BaseException:
            # It knows of none if another could not be started.
            for process in multiprocessing.active_children():
                if process not in before:
                    process.terminate()
            raise
        yield executor
    except BaseException:
        executor.shutdown(wait=True, kill_workers=True)
        raise
    executor.shutdown(wait=True)


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
