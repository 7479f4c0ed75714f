"""What a sweep tries: options of `train.py` and their values."""

import itertools
from typing import Any

import optuna

from training import command_line
from training.config import options as options_lib

# Options whose values may hold commas, so that semicolons part them.
_KINDS_WITH_COMMAS = ("range", "pair", "names", "class_weight")

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


def check_flags(flags):
    """Raises ValueError where a flag is no option of `train.py`.

    Args:
        flags: As they stand behind `--`.
    """
    known = {o.name for group in options_lib.GROUPS.values() for o in group}
    known |= {f"no{name}" for name in known} | {"flagfile"}
    for flag in flags:
        if flag.startswith("-") and command_line.name_of(flag) not in known:
            raise ValueError(
                f"What stands behind -- must be options of train.py. "
                f"Received: {flag}"
            )


def draw(space, search, num_trials, seed):
    """Returns the parameters of all trials, a list of dicts.

    Args:
        space: As `parse` returns it.
        search: "grid", all combinations, the last option fastest; or "random",
            of which the first do not depend on how many follow.
        num_trials: Of a random search.
        seed: Of a random search.

    Raises:
        ValueError: If `num_trials` does not fit the search, or a grid has a
            range.
    """
    if search == "grid":
        return _draw_grid(space, num_trials)
    if num_trials is None or num_trials < 1:
        raise ValueError(
            "`--num_trials` must be at least 1 for a random search. "
            f"Received: num_trials={num_trials}"
        )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    return [study.ask(space).params for _ in range(num_trials)]


def _draw_grid(space, num_trials):
    kind = optuna.distributions.CategoricalDistribution
    if not all(isinstance(values, kind) for values in space.values()):
        raise ValueError(
            "A range needs `--search=random`; a grid takes choices, such as "
            "learning_rate=0.001,0.01."
        )
    choices = (values.choices for values in space.values())
    found = [dict(zip(space, values)) for values in itertools.product(*choices)]
    if num_trials is not None:
        raise ValueError(
            "`--num_trials` must be left out of a grid, which has "
            f"{len(found)}. Received: num_trials={num_trials}"
        )
    return found


def _parse_values(option, values, text):
    low, colon, high = values.partition(":")
    if colon and option.kind in ("integer", "number"):
        high, _, scale = high.partition(":")
        return _parse_range(low, high, scale, text)
    comma = ";" if option.kind in _KINDS_WITH_COMMAS else ","
    choices = [value.strip() for value in values.split(comma)]
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
