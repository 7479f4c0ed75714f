"""The callbacks that a configuration asks for."""

from __future__ import annotations

import pathlib
import typing

from training import config as config_lib
from training.callbacks import base
from training.callbacks import profile
from training.callbacks import progress_bar
from training.callbacks import tensorboard
from training.workdir import files

if typing.TYPE_CHECKING:
    from training.data import inputs as inputs_lib
    from training.loop import throughput

_NUM_IMAGES = 24


def make_default_callbacks(
    config: config_lib.TrainConfig,
    inputs: inputs_lib.Inputs,
    meter: throughput.ThroughputMeter,
    directory: pathlib.Path,
) -> list[base.DefaultCallback]:
    """Returns the callbacks of a run, for the worker that writes.

    Args:
        config: Of the run.
        inputs: Of the run.
        meter: Of the training passes.
        directory: The run's.
    """
    events = directory / files.TENSORBOARD_DIR
    hparams = config_lib.settings_of(config)
    callbacks: list[base.DefaultCallback] = [
        progress_bar.ProgressBar(meter),
        tensorboard.TensorBoardWriter(
            events,
            meter,
            images=lambda: inputs.first_train_images(_NUM_IMAGES)[0],
            hparams={"epochs": config.epochs, **hparams},
        ),
    ]
    if config.profile is not None:
        callbacks.append(
            profile.Profiler(
                events,
                *config.profile,
                steps_per_execution=config.steps_per_execution,
            )
        )
    return callbacks
