"""Checks of single values, which name what they received.

Each takes the name and the value of a field in any form that is accepted,
returns the form in which a configuration keeps it, and raises ValueError for
all else. Imports no TensorFlow: what is mistyped is reported without waiting.
"""

from collections.abc import Callable
from collections.abc import Collection
import inspect
import math
import numbers
from typing import Any

Check = Callable[[str, Any], Any]

MAX_INTERPOLATION_ORDER = 5

# By which Keras makes a batch: what they do is not all in the arguments of a
# generator where its class has its own.
_KERAS_METHODS = ("get_random_transform", "apply_transform", "standardize")

_DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "uint8",
    "int32",
    "int64",
)


def _number(is_allowed: Callable[[float], bool], what: str) -> Check:
    def check(name: str, value: Any) -> float:
        if not (_is_number(value) and is_allowed(value)):
            raise _error(name, f"be {what}", value)
        return _plain(value)

    return check


number = _number(lambda value: True, "a finite number")
positive = _number(lambda value: value > 0, "a positive number")
not_negative = _number(lambda value: value >= 0, "a number of 0 or more")
share = _number(lambda value: 0 <= value < 1, "a number from 0 to below 1")
closed_share = _number(lambda value: 0 <= value <= 1, "a number from 0 to 1")


def integer(lowest: int, highest: int | None = None) -> Check:
    """Returns the check of an int within bounds, both included."""
    bounds = f"of at least {lowest}"
    if highest is not None:
        bounds = f"from {lowest} to {highest}"

    def check(name: str, value: Any) -> int:
        if not (
            _is_int(value)
            and lowest <= value
            and (highest is None or value <= highest)
        ):
            raise _error(name, f"be an int {bounds}", value)
        return int(value)

    return check


def boolean(name: str, value: Any) -> bool:
    """Returns a truth value, or a number as one; text such as "no" is none."""
    # NumPy's truth value is no number to Python.
    is_number = isinstance(value, numbers.Real) or type(value).__name__ in (
        "bool",
        "bool_",
    )
    if not is_number and value is not None:
        raise _error(name, "be True or False", value)
    return bool(value)


def check_choice(name: str, value: Any, choices: Collection[str]) -> str:
    """Returns `value`, or raises ValueError if it is none of `choices`."""
    if not isinstance(value, str) or value not in choices:
        # Without quotes, as it stands on a command line.
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"Received: {name}={value}"
        )
    return value


def one_of(choices: Collection[str]) -> Check:
    """Returns the check of one of several names."""
    return lambda name, value: check_choice(name, value, choices)


def optional(check: Check, default: Any = None) -> Check:
    """Returns a check by which None and False stand for `default`."""

    def check_if_given(name: str, value: Any) -> Any:
        # By identity: 0 is a value, and arrays have no truth.
        if value is None or value is False:
            return default
        return check(name, value)

    return check_if_given


def shift(name: str, value: Any) -> float | tuple[float, ...]:
    """Returns a shift as a Python int, float or tuple, whose laws differ."""
    if getattr(value, "ndim", 0) == 1 and len(value) == 1:
        value = value.tolist()  # Keras takes only one-element arrays
    if isinstance(value, (list, tuple)) and all(map(_is_number, value)):
        return tuple(map(_plain, value))
    if not _is_number(value):
        raise _error(
            name,
            "be a float (a fraction if below 1, else pixels), an int (pixels) "
            "or a list of numbers",
            value,
        )
    return _plain(value)


def zoom(name: str, value: Any) -> tuple[float, float]:
    """Returns the range of zoom factors as a pair."""
    if _is_number(value):
        return (1 - value, 1 + value)
    if not _is_pair(value):
        raise _error(
            name, "be a float or a pair of floats, such as 0.8,1.2", value
        )
    return (value[0], value[1])


def pair(name: str, value: Any) -> tuple[float, float]:
    """Returns two numbers as a tuple."""
    if not _is_pair(value):
        raise _error(name, "be a pair of floats, such as 0.8,1.2", value)
    return (value[0], value[1])


def size(name: str, value: Any) -> tuple[int, int]:
    """Returns a height and a width, in pixels."""
    is_size = isinstance(value, (list, tuple)) and len(value) == 2
    if not (is_size and all(_is_int(side) and side > 0 for side in value)):
        raise _error(name, "be two positive ints, height and width", value)
    return (int(value[0]), int(value[1]))


def dtype(name: str, value: Any) -> str:
    """Returns the name of a dtype given as a string, NumPy or TF dtype."""
    found = value if isinstance(value, str) else getattr(value, "name", None)
    found = found or getattr(value, "__name__", None)
    if found not in _DTYPES:
        raise _error(name, f"be one of {', '.join(_DTYPES)}", value)
    return found


def function(name: str, value: Any) -> Callable[..., Any]:
    """Returns a function of one image, or of an image and a seed."""
    if not callable(value):
        raise _error(name, "be a function of one image, or None", value)
    called: Callable[..., Any] = value
    seed_parameter(called)
    return called


def check_generator(value: Any) -> None:
    """Raises ValueError unless a generator of Keras is what its arguments say.

    Args:
        value: `ImageDataGenerator`, or what was taken for one.
    """
    classes = type(value).__mro__
    bases = [each for each in classes if "flow_from_directory" in vars(each)]
    if not bases:
        raise ValueError(
            "The generator must be a pipeline.AugmentConfig or an "
            "ImageDataGenerator, and comes before all other arguments. "
            f"Received: {type(value).__name__}"
        )
    for name in _KERAS_METHODS:
        if name in vars(value) or (
            getattr(type(value), name, None) is not vars(bases[-1]).get(name)
        ):
            raise ValueError(
                "The generator must be an ImageDataGenerator as Keras has it: "
                f"`{name}` of {type(value).__name__} would not be called. Do "
                "the same in a `preprocessing_function`, of (image, seed) if "
                f"it draws at random. Received: {type(value).__name__}"
            )


def _error(name: str, what: str, value: Any) -> ValueError:
    return ValueError(f"`{name}` must {what}. Received: {name}={value!r}")


def _is_number(value: Any) -> bool:
    # A truth value is a number to Python, and a slip of the pen to a user.
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond all floats
        return False


def _is_int(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_pair(value: Any) -> bool:
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    return is_pair and all(map(_is_number, value))


def _plain(value: Any) -> float:
    """Returns a Python int or float: an integral *type* selects another law."""
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value)


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
