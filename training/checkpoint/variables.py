"""The variables of a run as arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training import errors
from training.model import averaging

_LEARNING_RATE = "learning_rate"


def to_arrays(
    model: keras.Model, averages: averaging.WeightAverages | None = None
) -> dict[str, np.ndarray]:
    """Returns the values of all variables of a run by name.

    Args:
        model: Compiled, its optimizer built.
        averages: Of its weights, if there are any.

    Raises:
        NotFiniteError: If a weight of the model is NaN or infinite.
    """
    arrays = {
        name: variable.numpy()
        for name, variable in _variables(model, averages).items()
    }
    for name, array in arrays.items():
        is_weight = name.startswith("model/") and array.dtype.kind == "f"
        if is_weight and not np.isfinite(array).all():
            raise errors.NotFiniteError(
                f"The weight {name} is not finite any more."
            )
    return arrays


def restore(
    arrays: Mapping[str, np.ndarray],
    model: keras.Model,
    averages: averaging.WeightAverages | None = None,
    *,
    keep_learning_rate: bool = False,
) -> bool:
    """Gives all variables of a run the values that `to_arrays` returned.

    Args:
        arrays: By name.
        model: Of the same network, its optimizer built.
        averages: Of its weights, if there are any.
        keep_learning_rate: Leave the learning rate as it is.

    Returns:
        Whether the optimizer and the averages were restored: not where they
        are of another kind than the arrays.

    Raises:
        ValueError: If the arrays are of another network; nothing is changed.
    """
    variables = _variables(model, averages)
    of_model = {n: v for n, v in variables.items() if n.startswith("model/")}
    others = {n: v for n, v in variables.items() if n not in of_model}
    if not _fit(arrays, of_model, "model/"):
        raise ValueError(
            "`model` must be the network of the checkpoint. Begin a new run "
            f"with --resume=never. Received: model={model.name}, whose weights "
            "have other shapes or types, or another number"
        )
    restored_all = all(
        _fit(arrays, others, kind) for kind in ("optimizer/", "ema/")
    )
    chosen = variables if restored_all else of_model
    for name, variable in chosen.items():
        if not (keep_learning_rate and name.endswith(_LEARNING_RATE)):
            variable.assign(arrays[name])
    return restored_all


def _variables(
    model: keras.Model, averages: averaging.WeightAverages | None
) -> dict[str, Any]:
    """Returns all variables by names that do not change between processes.

    By their places, that is: Keras numbers layers through a process, and names
    variables after them.
    """
    metrics = {id(variable) for variable in model.metrics_variables}
    groups: dict[str, Any] = {
        "model": [v for v in model.variables if id(v) not in metrics],
        "optimizer": model.optimizer.variables,
        "ema": averages.variables if averages else [],
    }
    return {
        f"{group}/{place:04d}{_known_name(variable)}": variable
        for group, variables in groups.items()
        for place, variable in enumerate(variables)
    }


def _known_name(variable: Any) -> str:
    is_rate = variable.name == _LEARNING_RATE
    return f"/{_LEARNING_RATE}" if is_rate else ""


def _fit(
    arrays: Mapping[str, np.ndarray], variables: Mapping[str, Any], kind: str
) -> bool:
    """Whether the arrays of a kind are just those of its variables."""
    ours = {
        name: (tuple(variable.shape), tf.as_dtype(variable.dtype).name)
        for name, variable in variables.items()
        if name.startswith(kind)
    }
    theirs = {
        name: (array.shape, array.dtype.name)
        for name, array in arrays.items()
        if name.startswith(kind)
    }
    return ours == theirs
