"""The networks, by name, and their initial weights."""

from training.model.building import build_model
from training.model.building import check_input_shape
from training.model.building import compile_model
from training.model.initial_weights import load_initial_weights
