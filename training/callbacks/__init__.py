"""The callbacks of every run: progress bar, TensorBoard, profile."""

from training.callbacks.base import DefaultCallback
from training.callbacks.defaults import make_default_callbacks
from training.callbacks.profile import Profiler
from training.callbacks.progress_bar import ProgressBar
from training.callbacks.tensorboard import TensorBoardWriter

__all__ = [
    "DefaultCallback",
    "Profiler",
    "ProgressBar",
    "TensorBoardWriter",
    "make_default_callbacks",
]
