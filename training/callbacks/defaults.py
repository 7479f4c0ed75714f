"""The observers that a configuration asks for."""

from training import config as config_lib
from training.callbacks.profile import Profiler
from training.callbacks.progress_bar import ProgressBar
from training.callbacks.tensorboard import TensorBoardWriter
from training.workdir import files

_NUM_IMAGES = 24


def make_observers(config, inputs, meter, directory):
    """Returns the observers of a run, for the worker that writes.

    Args:
        config: `TrainConfig`.
        inputs: `inputs.Inputs`.
        meter: `throughput.Meter` of the training passes.
        directory: The run's directory.
    """
    events = directory / files.TENSORBOARD_DIR
    hparams = config_lib.settings_of(config)
    observers = [
        ProgressBar(meter),
        TensorBoardWriter(
            events,
            meter,
            images=lambda: inputs.first_train_images(_NUM_IMAGES)[0],
            hparams={"epochs": config.epochs, **hparams},
        ),
    ]
    if config.profile is not None:
        observers.append(
            Profiler(
                events,
                *config.profile,
                steps_per_execution=config.steps_per_execution,
            )
        )
    return observers
