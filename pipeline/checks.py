"""Checks of the arguments of `AugmentConfig`, which name what they received.

Each takes a value in any form that Keras accepts and returns its canonical one.
"""

from collections.abc import Callable
import inspect
import math
import numbers
import operator
from typing import Any

MAX_INTERPOLATION_ORDER = 5

Shift = float | int | tuple[float | int, ...]

_DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "uint8",
    "int32",
    "int64",
)


def _received(name: str, value: Any) -> str:
    return f"Received: {name}={value!r}"


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)


def check_number(name: str, value: Any) -> Any:
    """Returns a finite number as it is."""
    if not _is_number(value):
        raise ValueError(
            f"`{name}` must be a finite number. {_received(name, value)}"
        )
    return value


def check_number_or_zero(name: str, value: Any) -> Any:
    """Returns `value`, or 0 for the falsy values that mean "off" in Keras."""
    return 0 if value is None else check_number(name, value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raises unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"{_received(name, value)}"
        )


def check_shift(name: str, value: Any) -> Shift:
    """Returns a shift as a Python int, float or tuple, whose laws differ."""
    if value is None:
        return 0.0
    if getattr(value, "ndim", 0) == 1 and len(value) == 1:
        value = value.tolist()  # Keras takes only one-element arrays
    is_list = isinstance(value, (list, tuple))
    if is_list and all(_is_number(v) for v in value):
        return tuple(_plain(v) for v in value)
    if is_list or not _is_number(value):
        raise ValueError(
            f"`{name}` must be a float (a fraction if below 1, else pixels), "
            f"an int (pixels) or a list of numbers. {_received(name, value)}"
        )
    return _plain(value)


def _plain(value: Any) -> float | int:
    """Returns a Python int or float: an integral *type* selects another law."""
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value)


def check_zoom(name: str, value: Any) -> tuple[float, float]:
    """Returns the range of zoom factors as a pair."""
    if _is_number(value):
        return (1 - value, 1 + value)
    if isinstance(value, (list, tuple)) and len(value) == 2:
        if all(_is_number(v) for v in value):
            return (value[0], value[1])
    raise ValueError(
        f"`{name}` must be a float or a pair of floats. "
        f"{_received(name, value)}"
    )


def check_brightness(name: str, value: Any) -> tuple[float, float] | None:
    """Returns the range of brightness factors as a pair, or None."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and len(value) == 2:
        if all(_is_number(v) for v in value):
            return (value[0], value[1])
    raise ValueError(
        f"`{name}` must be None or a pair of floats. "
        f"{_received(name, value)}"
    )


def check_order(name: str, value: Any) -> int:
    """Returns an interpolation order as a Python int."""
    try:
        order = operator.index(value)
    except TypeError:
        order = -1
    if not 0 <= order <= MAX_INTERPOLATION_ORDER:
        raise ValueError(
            f"`{name}` must be an int from 0 to {MAX_INTERPOLATION_ORDER}. "
            f"{_received(name, value)}"
        )
    return order


def check_fraction(name: str, value: Any) -> float:
    """Returns a fraction between 0 and 1; 0.0 if it is falsy."""
    if not value:
        return 0.0
    if not _is_number(value) or not 0 < value < 1:
        raise ValueError(
            f"`{name}` must be strictly between 0 and 1, or 0 for "
            f"none. {_received(name, value)}"
        )
    return value


def check_dtype(name: str, value: Any) -> str:
    """Returns the name of a dtype given as a string, NumPy or TF dtype."""
    if value is None:
        return "float32"
    dtype = value if isinstance(value, str) else getattr(value, "name", None)
    dtype = dtype or getattr(value, "__name__", None)
    if dtype not in _DTYPES:
        raise ValueError(
            f"`{name}` must be one of {', '.join(_DTYPES)}. "
            f"{_received(name, value)}"
        )
    return dtype


def check_function(name: str, value: Any) -> Any:
    """Returns a function of one image, or of an image and a seed, or None."""
    if value is not None and not callable(value):
        raise ValueError(
            f"`{name}` must be a function of one image, or None. "
            f"{_received(name, value)}"
        )
    if value is not None:
        seed_parameter(value)
    return value


def seed_parameter(function: Callable[..., Any]) -> inspect.Parameter | None:
    """Returns the second parameter that a function of an image requires.

    Keras passes the image alone. So what a function requires beside it can only
    be the seed.

    Raises:
        ValueError: If it requires more than two arguments.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # It is written in C.
        return None
    required = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind
        not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if len(required) > 2:
        names = ", ".join(parameter.name for parameter in required)
        raise ValueError(
            "`preprocessing_function` must be a function of one image, or of "
            f"(image, seed). Received: a function of ({names})"
        )
    return required[1] if len(required) == 2 else None
