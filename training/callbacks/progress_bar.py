"""A progress bar for each epoch, on a terminal or in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
import sys
import time
import typing
from typing import Any
from typing import TextIO

import tqdm.auto

from console import streams
from training.callbacks import base

if typing.TYPE_CHECKING:
    from training.loop import throughput

# Looking at the metrics makes the host wait for the device.
_REFRESH_SECONDS = 0.5
_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} images{postfix}"


class ProgressBar(base.DefaultCallback):
    """Shows where an epoch stands, how fast it goes and what it waits for."""

    def __init__(
        self,
        meter: throughput.ThroughputMeter,
        *,
        stream: TextIO | None = None,
        refresh_seconds: float = _REFRESH_SECONDS,
    ) -> None:
        """Does nothing where each drawing would stay, as in a log.

        Args:
            meter: Of the training passes.
            stream: Where to draw; standard output by default.
            refresh_seconds: How often, at most.
        """
        super().__init__()
        self._meter = meter
        self._stream = stream or sys.stdout
        self._refresh_seconds = refresh_seconds
        self._bar: tqdm.auto.tqdm | None = None
        self._title = ""
        self._shown = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Names the epoch; the bar comes with its first step."""
        self._title = f"Epoch {epoch + 1}/{self.params['epochs']}"

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Draws the bar, if it is time to."""
        now = time.monotonic()
        if not streams.is_live(self._stream) or (
            self._bar is not None and now - self._shown < self._refresh_seconds
        ):
            return
        if self._bar is None:
            self._bar = tqdm.auto.tqdm(
                total=self._meter.num_examples,
                file=self._stream,
                bar_format=_FORMAT,
                # Only this bar decides when it is drawn.
                mininterval=0,
                dynamic_ncols=True,
                leave=False,
            )
            self._bar.set_description_str(self._title, refresh=False)
        self._shown = now
        self._bar.n = self._meter.done
        self._bar.set_postfix_str(self._describe(logs), refresh=False)
        self._bar.refresh()

    def on_test_begin(self, logs: Any = None) -> None:
        """Says that the validation is under way."""
        if self._bar is not None:
            self._bar.n = self._meter.done
            self._bar.set_postfix_str("validating", refresh=True)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Takes the bar away; a line with the metrics comes in its place."""
        self.close()

    def close(self) -> None:
        """Leaves the terminal clean."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _describe(self, logs: Mapping[str, Any]) -> str:
        left = self._meter.seconds_left
        parts = [
            f"{self._meter.images_per_second:.0f}/s",
            f"input wait {self._meter.input_wait_share:.0%}",
            f"loss {float(logs['loss']):.4f}",
            f"accuracy {float(logs['accuracy']):.4f}",
        ]
        if left is not None:
            parts.insert(1, f"{tqdm.auto.tqdm.format_interval(left)} left")
        return ", ".join(parts)
