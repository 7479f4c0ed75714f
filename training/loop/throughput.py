"""How fast an epoch goes, and what part of it waits for input."""

import contextlib
import time


class Meter:
    """Rates of the epoch at hand.

    Attributes:
        num_examples: Of the whole epoch.
        done: How many of them are done.
    """

    def __init__(self, clock=time.perf_counter):
        """Begins with an epoch of nothing.

        Args:
            clock: Function that returns seconds.
        """
        self._clock = clock
        self.start_epoch(0)

    def start_epoch(self, num_examples, done=0):
        """Starts to measure.

        Args:
            num_examples: Of the whole epoch.
            done: How many of them were done before, at a rate unknown.
        """
        self.num_examples, self.done = num_examples, done
        self._done_before = done
        self._waited = 0.0
        self._start = self._clock()

    @contextlib.contextmanager
    def waiting(self):
        """Counts a block as time spent waiting for input."""
        start = self._clock()
        try:
            yield
        finally:
            self._waited += self._clock() - start

    def add(self, num_examples):
        """Counts examples as done."""
        self.done += num_examples

    @property
    def seconds(self):
        """Time since the start."""
        return self._clock() - self._start

    @property
    def images_per_second(self):
        """Rate since the start; 0 before the first example."""
        seconds = self.seconds
        return (self.done - self._done_before) / seconds if seconds else 0.0

    @property
    def input_wait_share(self):
        """Share of the time spent waiting, from 0 to 1."""
        seconds = self.seconds
        return self._waited / seconds if seconds else 0.0

    @property
    def seconds_left(self):
        """Time that the rest will take at this rate; None if unknown."""
        rate = self.images_per_second
        return (self.num_examples - self.done) / rate if rate else None
