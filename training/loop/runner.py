"""Passes of a model over a dataset, on every strategy alike."""

from __future__ import annotations

import collections
from collections.abc import Callable
import time
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from training.callbacks import dispatch
from training.loop import epoch_metrics
from training.loop import execution as execution_lib
from training.loop import throughput as throughput_lib

# Executions that a GPU has to do when the host looks at what came of the one
# before them. A host that waits for each leaves the GPU idle in between.
_EXECUTIONS_AHEAD = 2


class NotFiniteStep(Exception):
    """The loss of a step, or a weight after it, is NaN or infinite.

    Attributes:
        step: Which step of the pass, from 0.
    """

    def __init__(self, step: int) -> None:
        """Says which."""
        super().__init__(f"step {step}")
        self.step = step


class _Kind(NamedTuple):
    """What training and evaluation do differently in a pass."""

    run_step: execution_lib.StepFn
    on_begin: Callable[[int], None]
    on_end: Callable[[int, dict[str, tf.Tensor]], None]
    meter: throughput_lib.ThroughputMeter
    steps_before: int = 0


def never() -> bool:
    """Asks for no stop."""
    return False


class Runner:
    """Runs training and evaluation passes of one model.

    An execution is one `tf.function` of one or more steps, over batches that
    are fetched before it, so that waiting for them can be told from computing.
    What it returns stays on the device until somebody asks for it.
    """

    def __init__(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        options: execution_lib.StepOptions = execution_lib.StepOptions(),
        *,
        steps_per_execution: int = 1,
        multi_worker: bool = False,
        meter: throughput_lib.ThroughputMeter | None = None,
    ) -> None:
        """Prepares the steps.

        Args:
            model: Compiled, made in the scope of `strategy`.
            strategy: To run on.
            options: What the steps are made of.
            steps_per_execution: Steps that are run without a look at anything.
            multi_worker: Whether there are several workers, which must end a
                pass after the same step.
            meter: Counts what training fetches and does.
        """
        self._executions = execution_lib.Executions(model, strategy, options)
        self._steps_per_execution = steps_per_execution
        self._multi_worker = multi_worker
        self._meter = meter or throughput_lib.ThroughputMeter()
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        self._ahead = _EXECUTIONS_AHEAD if on_gpu else 0

    def train(
        self,
        batches: Any,
        progress: epoch_metrics.Progress,
        callbacks: dispatch.Callbacks,
        *,
        epoch: int = 0,
        stop_requested: Callable[[], bool] = never,
        after_execution: Callable[[], None] | None = None,
    ) -> bool:
        """Trains on the rest of a pass.

        Args:
            batches: Iterator of distributed `(features, label, weight)` from
                step `progress.step` on, which continues with the next pass when
                one is over: TensorFlow takes .05 s to start an iterator, as
                long as to make 500 images.
            progress: Brought forward in place; its metrics are those of each
                batch as the model was when it came, as in Keras.
            callbacks: Called before and after each execution.
            epoch: How many passes the run has done, by which steps are counted.
            stop_requested: Whether this worker asks to end the pass.
            after_execution: Called after each execution and its callbacks.

        Returns:
            Whether the pass was ended because a worker asked for it; the same
            on all workers, after the same step.

        Raises:
            NotFiniteStep: If the loss of a step, or a weight after it, is NaN
                or infinite.
        """
        kind = _Kind(
            self._executions.train_step,
            callbacks.on_train_batch_begin,
            callbacks.on_train_batch_end,
            self._meter,
            steps_before=epoch * progress.num_steps,
        )
        self._meter.start(progress.num_examples, progress.examples_done)
        ended = self._run_pass(
            kind, batches, progress, stop_requested, after_execution
        )
        self._meter.stop()
        return ended

    def evaluate(
        self,
        batches: Any,
        progress: epoch_metrics.Progress,
        callbacks: dispatch.Callbacks,
        *,
        stop_requested: Callable[[], bool] = never,
    ) -> bool:
        """Evaluates on a pass; arguments, result, errors are those of `train`.

        An evaluation always starts at the first step.
        """
        kind = _Kind(
            self._executions.eval_step,
            callbacks.on_test_batch_begin,
            callbacks.on_test_batch_end,
            # Of its own: the run's counts training alone.
            throughput_lib.ThroughputMeter(),
        )
        callbacks.on_test_begin()
        ended = self._run_pass(kind, batches, progress, stop_requested)
        if not ended:
            callbacks.on_test_end(progress.result().logs)
        return ended

    def _run_pass(
        self,
        kind: _Kind,
        batches: Any,
        progress: epoch_metrics.Progress,
        stop_requested: Callable[[], bool],
        after_execution: Callable[[], None] | None = None,
    ) -> bool:
        unchecked: collections.deque[tuple[int, tf.Tensor]] = (
            collections.deque()
        )
        ended = False
        while not (ended or progress.is_complete):
            start = time.perf_counter()
            first = progress.step
            kind.on_begin(first)
            output = self._execute(kind, batches, progress, stop_requested())
            unchecked.append((first, output.reports))
            if len(unchecked) > self._ahead:
                ended = _check(*unchecked.popleft())
            progress.seconds += time.perf_counter() - start
            kind.on_end(progress.step - 1, output.logs)
            if not self._multi_worker:
                ended = stop_requested()
            if after_execution is not None:
                after_execution()
        for first, reports in unchecked:
            ended |= _check(first, reports) and self._multi_worker
        return ended

    def _execute(
        self,
        kind: _Kind,
        batches: Any,
        progress: epoch_metrics.Progress,
        stop: bool,
    ) -> execution_lib.ExecutionOutput:
        """Runs the next steps, one or more, and counts them as done."""
        left = progress.num_steps - progress.step
        count = min(self._steps_per_execution, left)
        before, first = progress.examples_done, progress.step
        with kind.meter.waiting():
            fetched = tuple(next(batches) for _ in range(count))
        graph = self._executions.graph(
            kind.run_step, count, batches.element_spec
        )
        output = graph(
            fetched,
            progress.totals,
            tf.constant(stop, tf.float64),
            tf.constant(kind.steps_before + first, tf.int64),
        )
        progress.totals = output.totals
        progress.scored.append(output.scored)
        progress.step += count
        kind.meter.add(progress.examples_done - before)
        return output


def _check(first: int, reports: tf.Tensor) -> bool:
    """Looks at the steps of an execution, waiting for them if need be.

    Args:
        first: Number of the first of them.
        reports: As of `execution.ExecutionOutput`.

    Returns:
        Whether a worker asked to stop.

    Raises:
        NotFiniteStep: If a loss or weight is NaN or infinite.
    """
    steps = execution_lib.StepReport(*reports.numpy().T)
    is_finite = np.isfinite(steps.loss) & (steps.not_finite == 0)
    if not is_finite.all():
        raise NotFiniteStep(first + int(np.argmin(is_finite)))
    return bool(steps.stop_requested.any())
