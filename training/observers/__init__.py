"""What watches a run: progress bar, TensorBoard, profile."""

from training.observers.bar import ProgressBar
from training.observers.making import make_observers
from training.observers.profile import Profiler
from training.observers.tensorboard import TensorBoardWriter
