"""What a training run is made of, checked before any work is done.

Imports neither TensorFlow nor Keras, so that a wrong value is reported at
once and not after the seconds that importing them takes.
"""

from training.config.data import COLOR_MODES
from training.config.data import DataConfig
from training.config.data import INTERPOLATIONS
from training.config.identity import describe_changes
from training.config.identity import settings_of
from training.config.train import METRICS
from training.config.train import TrainConfig

__all__ = [
    "COLOR_MODES",
    "DataConfig",
    "INTERPOLATIONS",
    "METRICS",
    "TrainConfig",
    "describe_changes",
    "settings_of",
]
