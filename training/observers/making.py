"""The observers that a configuration asks for."""

from training import config as config_lib
from training import workdir
from training.observers.bar import ProgressBar
from training.observers.profile import Profiler
from training.observers.tensorboard import TensorBoardWriter

_NUM_IMAGES = 24


def make_observers(config, inputs, meter, directory):
    """Returns the observers of a run, for the worker that writes.

    Args:
        config: `TrainConfig`.
        inputs: `inputs.Inputs`.
        meter: `meter.Meter` of the training passes.
        directory: The run's directory.
    """
    events = directory / workdir.TENSORBOARD_DIR
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
