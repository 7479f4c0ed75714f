"""What a sweep tries: options of `train.py` and their values."""

import itertools
import math
from typing import Any

import optuna

from training import options as options_lib

# What the sweep gives each trial itself, and what makes no other result.
_NOT_TRIED = ("workdir", "resume", "workers", "worker_index", "tpu", "profile")


def parse(texts):
    """Returns Optuna's distributions of some options, by name.

    Args:
        texts: `"learning_rate=0.001,0.01"` for a choice, or, for a random
            search, `"learning_rate=0.0001:0.01:log"` for a range, of whole
            numbers if its bounds are.

    Raises:
        ValueError: If an option does not exist, or not take such a value.
    """
    known = {
        option.name: option
        for group in options_lib.GROUPS.values()
        # Other images would be other validation images.
        if group is not options_lib.DATA
        for option in group
    }
    space = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if name not in known or name in _NOT_TRIED or not equals or not values:
            raise ValueError(
                "`--try` must be an option of train.py and its values, such as "
                f"learning_rate=0.001,0.01. Received: {text}"
            )
        space[name] = _parse_values(known[name], values, text)
    if not space:
        raise ValueError("`--try` must be given at least once.")
    return space


def is_grid(space):
    """Whether all options have choices, and no ranges."""
    kind = optuna.distributions.CategoricalDistribution
    return all(isinstance(values, kind) for values in space.values())


def size(space):
    """Returns how many combinations of choices there are."""
    return math.prod(len(values.choices) for values in space.values())


def combination(space, number):
    """Returns one of the combinations of choices, the last option fastest."""
    combinations = itertools.product(*(v.choices for v in space.values()))
    values = next(itertools.islice(combinations, number, None))
    return dict(zip(space, values))


def _parse_values(option, values, text):
    low, colon, high = values.partition(":")
    if colon and option.kind in ("integer", "number"):
        high, _, scale = high.partition(":")
        return _parse_range(low, high, scale, text)
    choices = [value.strip() for value in values.split(",")]
    for choice in choices:
        # As train.py would: what is wrong is told before anything is trained.
        option.parse(choice)
        if option.choices and choice not in option.choices:
            raise ValueError(
                f"`{option.name}` must be one of {', '.join(option.choices)}. "
                f"Received: {text}"
            )
    return optuna.distributions.CategoricalDistribution(choices)


def _parse_range(low, high, scale, text):
    is_int = all(bound.lstrip("-").isdigit() for bound in (low, high))
    kind: Any = (
        optuna.distributions.IntDistribution
        if is_int
        else optuna.distributions.FloatDistribution
    )
    try:
        if scale not in ("", "log"):
            raise ValueError(scale)
        number = int if is_int else float
        return kind(low=number(low), high=number(high), log=scale == "log")
    except ValueError as error:
        raise ValueError(
            "`--try` must have a range LOW:HIGH or LOW:HIGH:log, LOW below "
            f"HIGH, and above 0 for log. Received: {text}"
        ) from error
