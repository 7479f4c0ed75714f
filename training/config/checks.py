"""Checks of single values: each error names the value and what it must be."""

import math


def check_choice(name, value, choices):
    """Raises ValueError unless `value` is one of `choices`, which may be None.

    Args:
        name: Of the field.
        value: What it was given.
        choices: Tuple of what it may be.
    """
    if value not in choices:
        names = ", ".join(str(c) for c in choices if c is not None)
        raise ValueError(
            f"`{name}` must be one of {names}. Received: {name}={value}"
        )


def check_int(name, value, lowest, highest=None):
    """Raises ValueError unless `value` is an int within the bounds."""
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if not is_int or value < lowest or (highest and value > highest):
        bounds = f"of at least {lowest}"
        if highest:
            bounds = f"from {lowest} to {highest}"
        raise ValueError(
            f"`{name}` must be an int {bounds}. Received: {name}={value}"
        )


def check_positive(name, value):
    """Raises ValueError unless `value` is a finite number above 0."""
    if not (_is_number(value) and 0 < value < math.inf):
        raise ValueError(
            f"`{name}` must be a positive number. Received: {name}={value}"
        )


def check_share(name, value):
    """Raises ValueError unless `value` is a number from 0 to below 1."""
    if not (_is_number(value) and 0 <= value < 1):
        raise ValueError(
            f"`{name}` must be a number from 0 to below 1. "
            f"Received: {name}={value}"
        )


def check_not_negative(name, value):
    """Raises ValueError unless `value` is a finite number of 0 or more."""
    if not (_is_number(value) and 0 <= value < math.inf):
        raise ValueError(
            f"`{name}` must be a number of 0 or more. Received: {name}={value}"
        )


def is_size(value):
    """Whether `value` is two positive ints."""
    return len(value) == 2 and all(
        isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in value
    )


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
