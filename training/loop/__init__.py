"""The training loop, one for every strategy."""

from training.loop.loop import TrainResult
from training.loop.loop import make_reproducible
from training.loop.loop import train_and_evaluate

__all__ = ["TrainResult", "make_reproducible", "train_and_evaluate"]
