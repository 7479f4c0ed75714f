"""The graphs of a run: steps on all replicas, one or more to an execution."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import functools
from typing import Any
from typing import NamedTuple

import keras
import tensorflow as tf

from training.loop import compilation as compilation_lib
from training.loop import epoch_metrics
from training.loop import steps
from training.model import averaging
from training.model import optimizers

# From what a batch holds first to its images, on a replica.
ImageFn = Callable[[Any], tf.Tensor]
# From a distributed batch, whether this worker asks to stop, and the number of
# the step in the run, to a `StepReport` as float64 `[5]`, and the packed
# examples of all replicas.
StepFn = Callable[[Any, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class StepOptions:
    """What a training step and a step of an evaluation are made of.

    Attributes:
        train_step: What is computed on each replica in training.
        train_images: Makes the images of a training batch.
        eval_images: Likewise for evaluation.
        schedule: Of the learning rate; None for what it is, so that callbacks
            may change it.
        averages: Averages of the weights to update in training, if any.
        compilation: What XLA compiles.
    """

    train_step: steps.TrainStep = steps.TrainStep()
    train_images: ImageFn = tf.identity
    eval_images: ImageFn = tf.identity
    schedule: optimizers.Schedule | None = None
    averages: averaging.WeightAverages | None = None
    compilation: compilation_lib.Compilation = compilation_lib.Compilation()


class StepReport(NamedTuple):
    """What all replicas report about a step together.

    Float64 scalars in a graph; once stacked and fetched, `[steps]` arrays.

    Attributes:
        loss: As of `epoch_metrics.Totals`, and so the next two.
        correct: Correct predictions.
        num_examples: Real examples.
        stop_requested: How many replicas' workers ask to stop.
        not_finite: How many replicas have weights that are not finite.
    """

    loss: Any
    correct: Any
    num_examples: Any
    stop_requested: Any
    not_finite: Any

    @property
    def totals(self) -> epoch_metrics.Totals:
        """The sums over the examples of the step."""
        return epoch_metrics.Totals(self.loss, self.correct, self.num_examples)


class ExecutionOutput(NamedTuple):
    """What an execution returns; it stays on the device until asked for.

    Attributes:
        totals: Those given, with the examples of these steps added.
        reports: float64 `[steps, 5]`, a `StepReport` for each.
        scored: `ScoredExamples.pack` of all replicas' examples, in the order of
            the global batches.
        logs: The running means for callbacks.
    """

    totals: epoch_metrics.Totals
    reports: tf.Tensor
    scored: tf.Tensor
    logs: dict[str, tf.Tensor]


class Executions:
    """The graphs of a model's steps, each traced once.

    Attributes:
        train_step: `StepFn` of training.
        eval_step: `StepFn` of evaluation.
    """

    def __init__(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        options: StepOptions,
    ) -> None:
        """Traces nothing yet.

        Args:
            model: Compiled, made in the scope of `strategy`.
            strategy: To run on.
            options: What the steps are made of.
        """
        self._strategy = strategy
        self._compile_images = options.compilation.images
        self._graphs: dict[tuple[StepFn, int], Any] = {}
        update_averages = None
        if options.averages is not None:
            update_averages = functools.partial(
                options.averages.update, strategy
            )
        self.train_step = self._make_step(
            functools.partial(options.train_step, model),
            options.train_images,
            options.compilation.training,
            before=_rate_setter(model.optimizer, options.schedule),
            after=update_averages,
        )
        self.eval_step = self._make_step(
            functools.partial(steps.eval_step, model),
            options.eval_images,
            options.compilation.evaluation,
        )

    def graph(
        self, run_step: StepFn, count: int, element_spec: Any
    ) -> Callable[..., ExecutionOutput]:
        """Returns the graph of `count` steps.

        Args:
            run_step: `train_step` or `eval_step`.
            count: How many steps an execution has.
            element_spec: Of the distributed batches.

        Returns:
            Function of the batches, the totals so far, a float64 scalar, 1 if
            this worker asks to stop, else 0, and the number of the first step
            in the run, an int64 scalar.
        """
        key = run_step, count
        if key in self._graphs:
            return self._graphs[key]
        scalar = tf.TensorSpec([], tf.float64)

        # The signature makes of a partial batch no new one. AutoGraph, which
        # nothing here needs, would take half of the time to the first step.
        @tf.function(
            autograph=False,
            input_signature=[
                (element_spec,) * count,
                epoch_metrics.Totals(scalar, scalar, scalar),
                scalar,
                tf.TensorSpec([], tf.int64),
            ],
        )
        def execute(
            batches: Any,
            totals: epoch_metrics.Totals,
            stop: tf.Tensor,
            first: tf.Tensor,
        ) -> ExecutionOutput:
            reports, scored = [], []
            for place, batch in enumerate(batches):
                report, examples = run_step(batch, stop, first + place)
                reports.append(report)
                scored.append(examples)
                totals = totals.plus(StepReport(*tf.unstack(report)).totals)
            logs = {
                "loss": totals.loss / totals.num_examples,
                "accuracy": totals.correct / totals.num_examples,
            }
            return ExecutionOutput(
                totals, tf.stack(reports), tf.concat(scored, axis=0), logs
            )

        self._graphs[key] = execute
        return execute

    def _make_step(
        self,
        step_fn: Callable[[steps.Batch], steps.StepOutput],
        to_images: ImageFn,
        jit_compile: bool,
        before: Callable[[tf.Tensor], Any] | None = None,
        after: Callable[[], Any] | None = None,
    ) -> StepFn:
        """Returns a function that runs `step_fn` on the replicas' batches.

        What comes `before` it, with the number of the step, and `after` it
        concerns all replicas alike.
        """
        strategy = self._strategy
        compute = self._compile_step(step_fn, to_images, jit_compile)

        def replica_step(
            batch: Any, stop: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            output = compute(batch)
            report = StepReport(*output.totals, stop, output.not_finite)
            return tf.stack(report), output.examples.pack()

        def run_step(
            batch: Any, stop: tf.Tensor, number: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            if before is not None:
                before(number)
            report, examples = strategy.run(replica_step, args=(batch, stop))
            if after is not None:
                after()
            report = strategy.reduce("SUM", report, axis=None)
            return report, strategy.gather(examples, axis=0)

        return run_step

    def _compile_step(
        self,
        step_fn: Callable[[steps.Batch], steps.StepOutput],
        to_images: ImageFn,
        jit_compile: bool,
    ) -> Callable[[Any], steps.StepOutput]:
        """Returns `step_fn` of a batch that is still to be made images of."""
        compile_fn = functools.partial(
            tf.function, jit_compile=True, autograph=False
        )
        # As Keras's `fit` does. Over replicas a compiled step would have to
        # hold the reductions, which XLA for CPUs does not know.
        jit_compile &= self._strategy is tf.distribute.get_strategy()
        if jit_compile and not self._compile_images:
            step_fn = compile_fn(step_fn)

        def compute(batch: Any) -> steps.StepOutput:
            features, labels, weights = batch
            return step_fn((to_images(features), labels, weights))

        if jit_compile and self._compile_images:
            return compile_fn(compute)
        return compute


def _rate_setter(
    optimizer: keras.optimizers.Optimizer,
    schedule: optimizers.Schedule | None,
) -> Callable[[tf.Tensor], Any] | None:
    """Returns what sets the learning rate of the step to come, if need be.

    Not by the optimizer's own count, which a forced change of the batches or
    of the optimizer itself puts out of step with the epochs.
    """
    if schedule is None:
        return None
    return lambda number: optimizer.learning_rate.assign(schedule(number))
