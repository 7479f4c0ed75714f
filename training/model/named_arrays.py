"""Arrays by name, given to the weights of a network: all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import re
from typing import Any

import keras
import numpy as np

# Of the arrays that do not fit; the rest is counted.
_MOST_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Slot:
    """A weight of a network, and what a file has for it.

    Attributes:
        weight: The variable.
        name: Of the array in a file.
        shape: Of the array in a file.
        convert: What makes the variable's value of the array.
    """

    weight: Any
    name: str
    shape: tuple[int, ...]
    convert: Callable[[np.ndarray], np.ndarray] = np.asarray


def load(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> str:
    """Gives a model arrays that are named as Keras names its weights.

    `{weight.path: weight.numpy() for weight in model.weights}` is such a
    mapping: "conv2d/kernel" and so on. The numbers that Keras appends to the
    names of layers, in the order in which a process makes them, count anew.
    Arrays of the head may be missing, or be for other classes.

    Args:
        model: As `build_model` returns it.
        arrays: By name.

    Returns:
        What became of the head, for a message; empty if it was loaded, too.

    Raises:
        ValueError: If other arrays are missing, left over or of another shape;
            the text lists them.
    """
    names = {new: old for old, new in _renumber(arrays).items()}
    paths = _renumber(weight.path for weight in model.weights)
    slots = {
        paths[weight.path]: Slot(
            weight,
            names.get(paths[weight.path], weight.path),
            tuple(weight.shape),
        )
        for weight in model.weights
    }
    head = model.layers[-1]
    kernel = slots[paths[head.kernel.path]]
    told = ""
    if kernel.name not in arrays:
        told = "its head at random"
    elif _has_other_classes(arrays[kernel.name].shape, kernel.shape):
        told = "but for the head, which had other classes"
    if told:
        for weight in head.weights:
            slot = slots.pop(paths[weight.path])
            arrays = {k: v for k, v in arrays.items() if k != slot.name}
    fill(list(slots.values()), arrays)
    return told


def fill(slots: Iterable[Slot], arrays: Mapping[str, np.ndarray]) -> None:
    """Gives each weight its array, if each array fits.

    Args:
        slots: The weights.
        arrays: As many, by name.

    Raises:
        ValueError: If they do not fit; the text lists names and shapes.
    """
    slots = list(slots)
    problems = []
    for slot in slots:
        if slot.name not in arrays:
            problems.append(f"{slot.name} {slot.shape} is missing")
        elif arrays[slot.name].shape != slot.shape:
            found = arrays[slot.name].shape
            problems.append(f"{slot.name} is {found}, not {slot.shape}")
        elif not np.isfinite(arrays[slot.name]).all():
            problems.append(f"{slot.name} holds NaN or infinity")
    expected = {slot.name for slot in slots}
    problems += [
        f"{name} {array.shape} is none of its weights"
        for name, array in arrays.items()
        if name not in expected
    ]
    if problems:
        more = len(problems) - _MOST_NAMED
        told = "; ".join(problems[:_MOST_NAMED])
        raise ValueError(told + (f"; and {more} more" if more > 0 else ""))
    for slot in slots:
        slot.weight.assign(slot.convert(arrays[slot.name]))


def _has_other_classes(
    found: tuple[int, ...], expected: tuple[int, ...]
) -> bool:
    """Whether a head's kernel differs in its outputs alone."""
    return found[:-1] == expected[:-1] and found != expected


def _renumber(paths: Iterable[str]) -> dict[str, str]:
    """Returns paths of weights whose layers of a kind are counted from 0.

    "conv2d_7/kernel" and "conv2d_9/kernel" become "conv2d.0/kernel" and
    "conv2d.1/kernel".
    """
    numbers: dict[str, set[int]] = {}
    parsed = {}
    for path in paths:
        layer, _, weight = path.rpartition("/")
        numbered = re.search(r"_(\d+)$", layer)
        stem = layer[: numbered.start()] if numbered else layer
        # Keras calls the first dense, the next dense_1.
        number = int(numbered[1]) if numbered else 0
        parsed[path] = (stem, number, weight)
        numbers.setdefault(stem, set()).add(number)
    places = {
        (stem, number): place
        for stem, found in numbers.items()
        for place, number in enumerate(sorted(found))
    }
    return {
        path: f"{stem}.{places[stem, number]}/{weight}"
        for path, (stem, number, weight) in parsed.items()
    }
