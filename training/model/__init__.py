"""The networks, by name, and weights from files."""

from training.model.factory import build_model
from training.model.factory import check_input_shape
from training.model.factory import compile_model
from training.model.initial_weights import load_initial_weights
from training.model.initial_weights import load_saved_weights

__all__ = [
    "build_model",
    "check_input_shape",
    "compile_model",
    "load_initial_weights",
    "load_saved_weights",
]
