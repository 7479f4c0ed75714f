"""One pass of a model over a dataset, on every strategy alike."""

import collections
import functools
import time
from typing import Any

import numpy as np
import tensorflow as tf

from training.loop import steps
from training.loop import throughput as throughput_lib

# Executions that a GPU has to do when the host looks at what came of the one
# before them. A host that waits for each leaves the GPU idle in between.
_EXECUTIONS_AHEAD = 2


class NotFiniteStep(Exception):
    """The loss of a step, or a weight after it, is NaN or infinite.

    Attributes:
        step: Which step of the pass, from 0.
    """

    def __init__(self, step):
        """Says which."""
        super().__init__(f"step {step}")
        self.step = step


class PassRunner:
    """Runs training and evaluation passes of one model.

    An execution is one `tf.function` of one or more steps, over batches that
    are fetched before it, so that waiting for them can be told from computing.
    What it returns stays on the device until somebody asks for it.
    """

    def __init__(
        self,
        model,
        strategy,
        train_images,
        eval_images,
        *,
        train_step=steps.TrainStep(),
        schedule=None,
        averages=None,
        steps_per_execution=1,
        agree=False,
        meter=None,
        compile_training=True,
        compile_evaluation=True,
        compile_images=False,
    ):
        """Prepares the steps.

        Args:
            model: A compiled `keras.Model`, made in the scope of `strategy`.
            strategy: The `tf.distribute.Strategy` to run on.
            train_images: Function from what a training batch holds first to
                its images, called on each replica.
            eval_images: Likewise for evaluation.
            train_step: `steps.TrainStep`.
            schedule: `optimizers.Schedule` of the learning rate; None for what
                it is, so that callbacks may change it.
            averages: `averaging.WeightAverages` to bring forward in training,
                if there are any.
            steps_per_execution: Steps that are run without a look at anything.
            agree: Whether there are several workers, which must end a pass
                after the same step.
            meter: `throughput.Meter`, which counts what training fetches and
                does.
            compile_training: Whether XLA compiles training, where it can.
            compile_evaluation: Whether it compiles that of evaluation.
            compile_images: Whether it compiles the making of images with a
                step that it compiles.
        """
        self._strategy = strategy
        self._steps_per_execution = steps_per_execution
        self._agree = agree
        self._meter = meter or throughput_lib.Meter()
        self._compile_images = compile_images
        self._train_step = self._make_step(
            functools.partial(train_step, model),
            train_images,
            compile_training,
            before=_setter(model, schedule),
            after=averages and functools.partial(averages.update, strategy),
        )
        self._eval_step = self._make_step(
            functools.partial(steps.eval_step, model),
            eval_images,
            compile_evaluation,
        )
        self._executions: dict[Any, Any] = {}
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        self._ahead = _EXECUTIONS_AHEAD if on_gpu else 0

    @property
    def num_traces(self):
        """How often steps were traced, of training and evaluation together."""
        return sum(
            execution.experimental_get_tracing_count()
            for execution in self._executions.values()
        )

    def train(self, batches, progress, callbacks, *, wish=bool, between=None):
        """Trains on the rest of a pass.

        Args:
            batches: Iterator of distributed `(features, label, weight)` from
                step `progress.step` on, which goes on with the next pass when
                one is over: TensorFlow takes .05 s to start an iterator, as
                long as to make 500 images.
            progress: `epoch_metrics.Progress`, brought forward in place; its
                metrics are those of each batch as the model was when it came,
                as in Keras.
            callbacks: `dispatch.Callbacks`.
            wish: Function without arguments: whether this worker wishes to end
                the pass.
            between: Function without arguments, called after each execution.

        Returns:
            Whether the pass was ended because a worker wished it; the same on
            all workers, after the same step.

        Raises:
            NotFiniteStep: If the loss of a step, or a weight after it, is NaN
                or infinite.
        """
        self._meter.start_epoch(progress.num_examples, progress.examples_done)
        hooks = callbacks.on_train_batch_begin, callbacks.on_train_batch_end
        return self._run_pass(
            self._train_step, batches, progress, hooks, wish, between
        )

    def evaluate(self, batches, progress, callbacks, *, wish=bool):
        """Evaluates on a pass; arguments, result, errors are those of `train`.

        An evaluation always starts at the first step.
        """
        callbacks.on_test_begin()
        hooks = callbacks.on_test_batch_begin, callbacks.on_test_batch_end
        ended = self._run_pass(self._eval_step, batches, progress, hooks, wish)
        if not ended:
            callbacks.on_test_end(progress.result().logs)
        return ended

    def _run_pass(self, run_step, batches, progress, hooks, wish, between=None):
        begin, end = hooks
        unseen: Any = collections.deque()
        ended = False
        while not (ended or progress.is_complete):
            start = time.perf_counter()
            first = progress.step
            begin(first)
            history, logs = self._execute(run_step, batches, progress, wish())
            unseen.append((first, history))
            if len(unseen) > self._ahead:
                ended = _look(*unseen.popleft())
            progress.seconds += time.perf_counter() - start
            end(progress.step - 1, logs)
            if not self._agree:
                ended = wish()
            if between is not None:
                between()
        for first, history in unseen:
            ended |= _look(first, history) and self._agree
        return ended

    def _execute(self, run_step, batches, progress, wish):
        """Runs the next steps, one or more; returns their history and logs."""
        left = progress.num_steps - progress.step
        count = min(self._steps_per_execution, left)
        before = progress.examples_done
        with self._meter.waiting():
            fetched = tuple(next(batches) for _ in range(count))
        execution = self._execution(run_step, count, batches.element_spec)
        progress.totals, history, scored, logs = execution(
            fetched, progress.totals, tf.constant(wish, tf.float64)
        )
        progress.columns.append(scored)
        progress.step += count
        self._meter.add(progress.examples_done - before)
        return history, logs

    def _execution(self, run_step, count, element_spec):
        """Returns the graph of `count` steps, traced once.

        It takes the batches, the totals so far, and whether this worker wishes
        to end. It returns the totals with these batches added; float64 `[count,
        5]` of the totals after each step, how many replicas wished to end, and
        how many have weights that are not finite; scores, label and weight of
        all replicas' examples, in the order of the global batch; and the
        running means for callbacks.
        """
        key = run_step, count
        if key in self._executions:
            return self._executions[key]

        # The signature makes of a partial batch no new one. AutoGraph, which
        # nothing here needs, would take half of the time to the first step.
        @tf.function(
            autograph=False,
            input_signature=[
                (element_spec,) * count,
                tf.TensorSpec([3], tf.float64),
                tf.TensorSpec([], tf.float64),
            ],
        )
        def execute(batches, totals, wish):
            history, columns = [], []
            for batch in batches:
                of_step, scored = run_step(batch, wish)
                totals += of_step[:3]
                history.append(tf.concat([totals, of_step[3:]], axis=0))
                columns.append(scored)
            logs = {"loss": totals[0] / totals[2]}
            logs["accuracy"] = totals[1] / totals[2]
            return totals, tf.stack(history), tf.concat(columns, axis=0), logs

        self._executions[key] = execute
        return execute

    def _make_step(
        self, step_fn, to_images, jit_compile, before=None, after=None
    ):
        """Returns a function that runs `step_fn` on the replicas' batches.

        What comes `before` and `after` it concerns all replicas alike.
        """
        strategy = self._strategy
        # As Keras's `fit` does. Over replicas a compiled step would have to
        # hold the reductions, which XLA for CPUs does not know.
        jit_compile &= strategy is tf.distribute.get_strategy()
        if jit_compile and not self._compile_images:
            step_fn = tf.function(step_fn, jit_compile=True, autograph=False)

        def replica_step(batch):
            features, label, weight = batch
            return step_fn((to_images(features), label, weight))

        if jit_compile and self._compile_images:
            replica_step = tf.function(
                replica_step, jit_compile=True, autograph=False
            )

        def report(batch, wish):
            output = replica_step(batch)
            columns = [
                output.scores,
                tf.cast(output.labels, tf.float32)[:, None],
                output.weights[:, None],
            ]
            flags = [wish, output.broken]
            totals = tf.concat([output.totals, flags], axis=0)
            return totals, tf.concat(columns, axis=1)

        def run_step(batch, wish):
            if before is not None:
                before()
            totals, scored = strategy.run(report, args=(batch, wish))
            if after is not None:
                after()
            totals = strategy.reduce("SUM", totals, axis=None)
            return totals, strategy.gather(scored, axis=0)

        return run_step


def _setter(model, schedule):
    """Returns what sets the learning rate of the step to come, if need be."""
    if schedule is None:
        return None
    optimizer = model.optimizer
    return lambda: optimizer.learning_rate.assign(
        schedule(optimizer.iterations)
    )


def _look(first, history):
    """Looks at the steps of an execution, waiting for them if need be.

    Args:
        first: Number of the first of them.
        history: float64 `[steps, 5]`, as of `PassRunner._execution`.

    Returns:
        Whether a worker wished to end.

    Raises:
        NotFiniteStep: If a loss or weight is NaN or infinite.
    """
    history = history.numpy()
    finite = np.isfinite(history[:, 0]) & (history[:, 4] == 0)
    if not finite.all():
        raise NotFiniteStep(first + int(np.argmin(finite)))
    return bool(history[:, 3].any())
