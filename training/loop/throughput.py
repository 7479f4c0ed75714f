"""How fast an epoch trains, and what part of it waits for input."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import time


class ThroughputMeter:
    """Rates of the training pass at hand.

    Attributes:
        num_examples: Of the whole pass.
        done: How many of them are done.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begins with a pass of nothing.

        Args:
            clock: Returns seconds.
        """
        self._clock = clock
        self.start(0)

    def start(self, num_examples: int, done: int = 0) -> None:
        """Starts to measure a pass.

        Args:
            num_examples: Of the whole pass.
            done: How many of them were done before, at a rate unknown.
        """
        self.num_examples, self.done = num_examples, done
        self._done_before = done
        self._waited = 0.0
        self._start = self._clock()
        self._stop: float | None = None

    def stop(self) -> None:
        """Ends the pass: its rates stay what they are."""
        self._stop = self._clock()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts a block as time spent waiting for input."""
        start = self._clock()
        try:
            yield
        finally:
            self._waited += self._clock() - start

    def add(self, num_examples: int) -> None:
        """Counts examples as done."""
        self.done += num_examples

    @property
    def seconds(self) -> float:
        """Time since the start, up to the stop."""
        end = self._clock() if self._stop is None else self._stop
        return end - self._start

    @property
    def images_per_second(self) -> float:
        """Rate since the start; 0 before the first example."""
        seconds = self.seconds
        return (self.done - self._done_before) / seconds if seconds else 0.0

    @property
    def input_wait_share(self) -> float:
        """Share of the time spent waiting, from 0 to 1."""
        seconds = self.seconds
        return self._waited / seconds if seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time that the rest will take at this rate; None if unknown."""
        rate = self.images_per_second
        return (self.num_examples - self.done) / rate if rate else None
