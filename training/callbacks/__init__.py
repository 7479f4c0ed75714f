"""What watches a run: progress bar, TensorBoard, profile."""

from training.callbacks.defaults import make_observers
from training.callbacks.profile import Profiler
from training.callbacks.progress_bar import ProgressBar
from training.callbacks.tensorboard import TensorBoardWriter
