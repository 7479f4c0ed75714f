"""One pass of a model over a dataset, on every strategy alike."""

import dataclasses
import functools
import time

import numpy as np
import tensorflow as tf

from evaluation import metrics
from training import steps


@dataclasses.dataclass(frozen=True)
class PassResult:
    """The metrics of a pass over a dataset.

    Attributes:
        logs: `loss`, `accuracy` and `auc` over the examples seen, as floats.
        num_examples: How many examples those were.
        seconds: How long the pass took.
        complete: Whether it came to the end of the dataset.
    """

    logs: dict[str, float]
    num_examples: int
    seconds: float
    complete: bool


class PassRunner:
    """Runs training and evaluation passes of one model.

    A step is one `tf.function` that takes the next batch from an iterator
    itself, so a partial batch is no new signature and nothing is traced twice.
    What it returns stays on the device until somebody asks for it: callbacks
    that read the logs of each batch, as the progress bar does, or the end of
    the pass.
    """

    def __init__(
        self,
        model,
        strategy,
        train_images,
        eval_images,
        *,
        compile_training=True,
        compile_images=False,
    ):
        """Prepares the steps.

        Args:
            model: A compiled `keras.Model`, made in the scope of `strategy`.
            strategy: The `tf.distribute.Strategy` to run on.
            train_images: Function from what a training batch holds first to
                its images, called on each replica.
            eval_images: Likewise for evaluation.
            compile_training: Whether XLA compiles the training step, where it
                can; else only that of evaluation.
            compile_images: Whether it compiles the making of images with a
                step that it compiles.
        """
        self._model = model
        self._strategy = strategy
        self._compile_images = compile_images
        self._train_step = self._make_step(
            steps.train_step, train_images, compile_training
        )
        self._eval_step = self._make_step(steps.eval_step, eval_images, True)

    def train(self, batches, num_steps, callbacks, stop):
        """Trains on the next pass.

        Args:
            batches: Iterator of distributed `(features, label, weight)`, which
                goes on with the next pass when one is over: TensorFlow takes
                .05 s to start an iterator, as long as to make 500 images.
            num_steps: Number of global batches in the pass.
            callbacks: A `keras.callbacks.CallbackList`.
            stop: Function without arguments, asked after each step whether to
                end the pass there.

        Returns:
            A `PassResult`; its metrics are those of each batch as the model
            was when it came, as in Keras.
        """
        return self._run_pass(
            self._train_step,
            batches,
            num_steps,
            callbacks.on_train_batch_begin,
            callbacks.on_train_batch_end,
            stop,
        )

    def evaluate(self, batches, num_steps, callbacks, stop):
        """Evaluates on the next pass; arguments as for `train`."""
        callbacks.on_test_begin()
        result = self._run_pass(
            self._eval_step,
            batches,
            num_steps,
            callbacks.on_test_batch_begin,
            callbacks.on_test_batch_end,
            stop,
        )
        callbacks.on_test_end(result.logs)
        return result

    def _make_step(self, step_fn, to_images, jit_compile):
        """Returns a graph that runs `step_fn` on the replicas' next batches.

        It takes the totals so far and returns them with this batch's added,
        the running means for the callbacks, and the scores, labels and weights
        of all replicas, in the order of the global batch.
        """
        strategy = self._strategy
        step_fn = functools.partial(step_fn, self._model)
        # As Keras's `fit` does. Over replicas a compiled step would have to
        # hold the reductions, which XLA for CPUs does not know.
        jit_compile &= strategy is tf.distribute.get_strategy()
        if jit_compile and not self._compile_images:
            step_fn = tf.function(step_fn, jit_compile=True)

        def replica_step(batch):
            features, label, weight = batch
            return step_fn((to_images(features), label, weight))

        if jit_compile and self._compile_images:
            replica_step = tf.function(replica_step, jit_compile=True)

        @tf.function
        def run_step(iterator, totals):
            output = strategy.run(replica_step, args=(next(iterator),))
            totals += strategy.reduce("SUM", output.totals, axis=None)
            logs = {"loss": totals[0] / totals[2]}
            logs["accuracy"] = totals[1] / totals[2]
            scored = (output.scores, output.labels, output.weights)
            return (
                totals,
                logs,
                [strategy.gather(value, axis=0) for value in scored],
            )

        return run_step

    def _run_pass(self, run_step, batches, num_steps, begin, end, stop):
        start = time.perf_counter()
        totals = tf.zeros(3, tf.float64)
        columns = []
        for step in range(num_steps):
            begin(step)
            totals, logs, scored = run_step(batches, totals)
            columns.append(scored)
            end(step, logs)
            if stop():
                break
        scored = [
            np.concatenate([value.numpy() for value in column])
            for column in zip(*columns)
        ]
        loss, correct, weight = totals.numpy().tolist()
        return PassResult(
            logs={
                "loss": loss / weight,
                "accuracy": correct / weight,
                "auc": _auc(*scored),
            },
            num_examples=round(weight),
            seconds=time.perf_counter() - start,
            complete=len(columns) == num_steps,
        )


def _auc(scores, labels, weights):
    return metrics.auc(labels, scores, sample_weight=weights)
