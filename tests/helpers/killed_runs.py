"""Runs in processes of their own that kill themselves, for tests and soak.

The parent of the processes has TensorFlow loaded, but not started: a run
begins within a second instead of ten.
"""

import multiprocessing
import os
import pathlib
import signal
import sys

_EPOCHS = 4
STEPS = 4 * _EPOCHS

# A killed process does not get to its end; only one that does writes this.
RESULT_FILE = "result.npz"


def start_context():
    """Returns the context in which the processes are started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras", "training.loop"])
    return context


def run(context, workdir, kill_at=None, kill_in=None):
    """Runs to the end, or until a kill; returns the exit status.

    Args:
        context: As `start_context` returns it.
        workdir: Directory of the run.
        kill_at: Which step of this process is its last, from 1.
        kill_in: Name of a function of `os`, in whose `kill_at`th call the
            process dies instead, such as "rename": within a checkpoint.
    """
    process = context.Process(
        target=_run, args=(str(workdir), kill_at, kill_in)
    )
    process.start()
    process.join(1800)
    assert process.exitcode is not None, "the run hangs"
    return process.exitcode


def read_result(workdir):
    """Returns all variables and metrics of a run that came to its end."""
    import numpy as np

    with np.load(pathlib.Path(workdir, RESULT_FILE)) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _run(workdir, kill_at, kill_in):
    import keras
    import numpy as np

    from tests.helpers import loop_runs

    callbacks = []
    if kill_in is not None:
        die_in_call(os, kill_in, kill_at)
    elif kill_at is not None:
        steps = []

        def die(batch, logs):
            steps.append(batch)
            if len(steps) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        callbacks.append(keras.callbacks.LambdaCallback(on_train_batch_end=die))
    result = loop_runs.run(
        workdir,
        callbacks=callbacks,
        epochs=_EPOCHS,
        checkpoint_every_steps=3,
        **loop_runs.STATEFUL,
    )
    best = keras.models.load_model(pathlib.Path(workdir, "best.keras"))
    variables = [
        *result.model.get_weights(),
        *(v.numpy() for v in result.model.optimizer.variables),
        *best.get_weights(),
    ]
    records = loop_runs.without_timings(loop_runs.read_metrics(result.workdir))
    np.savez(
        pathlib.Path(workdir, RESULT_FILE),
        *variables,
        records=np.array([[*r.values()] for r in records], float),
    )


def die_in_call(module, name, number):
    """Makes the `number`th call of a function of a module the last."""
    function = getattr(module, name)
    calls = []

    def call(*args, **kwargs):
        calls.append(args)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(module, name, call)
    if module is os and sys.version_info < (3, 11):
        # There pathlib has taken it from `os` already.
        setattr(pathlib._NormalAccessor, name, staticmethod(call))
