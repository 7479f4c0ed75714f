"""Values of options from text, as it stands on a command line."""

from collections.abc import Callable
import json
import os
from typing import Any
from typing import Literal

from disk import cells

Kind = Literal[
    "string",
    "path",
    "boolean",
    "enum",
    "integer",
    "number",
    "range",
    "pair",
    "size",
    "steps",
    "names",
    "object",
    "class_weight",
    # No text stands for such a value: it is an argument in Python alone.
    "python",
]

# One value of these may be written with commas.
KINDS_WITH_COMMAS: frozenset[Kind] = frozenset(
    {"range", "pair", "size", "steps", "names", "object", "class_weight"}
)


def parse(name: str, kind: Kind, value: Any) -> Any:
    """Returns a configuration's value for what a flag holds.

    Args:
        name: Of the option.
        kind: Of its values.
        value: Text; what is no text, or of a kind that needs no reading, is
            returned as it is.

    Raises:
        ValueError: If the text is not of this kind.
    """
    if not isinstance(value, str) or kind not in _FORMS:
        return value
    parser, expected = _FORMS[kind]
    try:
        return parser(value)
    except (ValueError, ZeroDivisionError, RecursionError) as error:
        raise ValueError(
            f"`{name}` must be {expected}. Received: {name}={value}"
        ) from error


def _path(text: str) -> str:
    # A shell's empty variable would be the directory that one is in.
    if not text:
        raise ValueError(text)
    return os.path.expanduser(text)


def _boolean(text: str) -> bool:
    """As absl reads it."""
    is_true = text.lower() in ("true", "t", "1")
    if not is_true and text.lower() not in ("false", "f", "0"):
        raise ValueError(text)
    return is_true


def _number(text: str) -> float:
    numerator, slash, denominator = text.partition("/")
    value = float(numerator)
    return value / float(denominator) if slash else value


def _int_or_float(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _range(text: str) -> float | list[float]:
    """A fraction `"0.1"`, pixels `"10"`, or a list to choose from."""
    values = [_int_or_float(part) for part in text.split(",")]
    return values if len(values) > 1 else values[0]


def _pair(text: str) -> float | tuple[float, ...]:
    values = tuple(float(part) for part in text.split(","))
    return values if len(values) > 1 else values[0]


def _size(text: str) -> tuple[int, ...]:
    """Height and width from text: one int for a square, or two."""
    sizes = tuple(int(part) for part in text.split(","))
    return sizes * 2 if len(sizes) == 1 else sizes


def _steps(text: str) -> tuple[int, int]:
    start, stop = text.split(",")
    return int(start), int(stop)


def _object(text: str) -> dict[str, Any]:
    value = json.loads(
        text, object_pairs_hook=_distinct, parse_constant=_refuse
    )
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns an object of JSON, none of whose names is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(pairs)
    return found


def _refuse(name: str) -> None:
    """Refuses NaN and Infinity, which are Python's and no JSON."""
    raise ValueError(name)


def _class_weight(text: str) -> str | dict[str, Any]:
    return text if text in ("none", "balanced") else _object(text)


# Of the kinds whose text is not the value itself: what reads it, and what an
# error says that it must be.
_FORMS: dict[str, tuple[Callable[[str], Any], str]] = {
    "path": (_path, "a path"),
    "boolean": (_boolean, "true or false"),
    "integer": (int, "a whole number"),
    "number": (_number, "a number, such as 0.5 or 1/255"),
    "range": (_range, "a number, or several, such as -8,0,8"),
    "pair": (_pair, "one number, or two, such as 0.8,1.2"),
    "size": (_size, "one int, or height and width as 256,256"),
    "steps": (_steps, "two steps, such as 100,110"),
    "names": (cells.split_names, "names, such as normal,pneumonia"),
    "object": (_object, 'JSON, each name once, such as {"on_leak": "move"}'),
    "class_weight": (
        _class_weight,
        "none, balanced, or JSON, each name once, such as "
        '{"normal": 2, "pneumonia": 1}',
    ),
}
