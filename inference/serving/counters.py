"""Counts of what was served, as Prometheus reads them.

Its text format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import bisect
import collections
from collections.abc import Callable
from collections.abc import Iterator
import threading

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PREFIX = "xray_tfds_serving"
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class _Histogram:
    """How many values were at most so large, for each of some bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        total = 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._sum}"
        yield f"{name}_count {total}"


class Counters:
    """What was served since the start. Any thread may count.

    Attributes:
        in_progress: Returns how many films are worked on or wait.
    """

    def __init__(self) -> None:
        """Begins at 0."""
        self.in_progress: Callable[[], int] = lambda: 0
        self._lock = threading.Lock()
        self._requests: collections.Counter[str] = collections.Counter()
        self._images: collections.Counter[str] = collections.Counter()
        self._flags: collections.Counter[str] = collections.Counter()
        self._seconds = _Histogram(_SECONDS)
        self._batches = _Histogram(_SIZES)

    def count_request(self, status: int, seconds: float) -> None:
        """Counts a request that was answered.

        Args:
            status: Of HTTP.
            seconds: From its head to the end of the answer.
        """
        with self._lock:
            self._requests[str(status)] += 1
            self._seconds.add(seconds)

    def count_image(self, outcome: str, flags: tuple[str, ...] = ()) -> None:
        """Counts a film.

        Args:
            outcome: "scored", or the reason why not: one of
                `xray_tfds.decode.errors.REASONS`, or "no number".
            flags: Names of what the input check found.
        """
        with self._lock:
            self._images[outcome] += 1
            self._flags.update(flags)

    def count_batch(self, size: int) -> None:
        """Counts films that the network was shown at a time."""
        with self._lock:
            self._batches.add(size)

    def render(self) -> str:
        """Returns all counts in Prometheus's text format."""
        with self._lock:
            return "\n".join((*self._lines(), ""))

    def _lines(self) -> Iterator[str]:
        yield from _labelled(
            "requests_total", "Requests answered.", "status", self._requests
        )
        yield from _labelled(
            "images_total",
            "Films, by what came of them.",
            "outcome",
            self._images,
        )
        yield from _labelled(
            "flags_total",
            "Films that the input check flagged.",
            "flag",
            self._flags,
        )
        name = f"{_PREFIX}_images_in_progress"
        yield from _head(name, "gauge", "Films worked on, or waiting.")
        yield f"{name} {self.in_progress()}"
        name = f"{_PREFIX}_request_seconds"
        yield from _head(name, "histogram", "Time to answer a request.")
        yield from self._seconds.lines(name)
        name = f"{_PREFIX}_batch_size"
        yield from _head(name, "histogram", "Films shown at a time.")
        yield from self._batches.lines(name)


def _labelled(
    name: str, text: str, label: str, counts: collections.Counter[str]
) -> Iterator[str]:
    name = f"{_PREFIX}_{name}"
    yield from _head(name, "counter", text)
    for value, count in sorted(counts.items()):
        yield f'{name}{{{label}="{value}"}} {count}'


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
