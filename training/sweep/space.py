"""What a sweep tries: options of `train.py` and their values."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import functools
import math
from typing import Any
import zlib

import optuna

from training import command_line
from training.config import options as options_lib

# By option, what to ask a trial for: one of its `suggest_` methods.
Space = dict[str, functools.partial[Any]]


def parse(texts: Sequence[str]) -> Space:
    """Returns what to try for some options.

    Args:
        texts: `"learning_rate=0.001,0.01"` for choices, or, if the search is
            no grid, `"learning_rate=0.0001:0.01:log"` for a range.

    Raises:
        ValueError: If an option does not exist, or not take such a value.
    """
    known = {option.name: option for option in options_lib.ALL}
    space: Space = {}
    for text in texts:
        name, _, values = text.partition("=")
        if not values or name not in known or not known[name].can_sweep:
            raise ValueError(
                "`--try` must be an option of train.py and its values, such as "
                f"learning_rate=0.001,0.01. Received: {text}"
            )
        if name in space:
            raise ValueError(
                f"`--try` must name each option once. Received: {text}"
            )
        space[name] = _parse_values(known[name], values)
    if not space:
        raise ValueError("`--try` must be given at least once.")
    return space


def check_flags(flags: Sequence[str]) -> None:
    """Raises ValueError where a flag behind `--` is no option of `train.py`."""
    known = {option.name for option in options_lib.ALL}
    known |= {f"no{name}" for name in known} | {"flagfile"}
    for flag in flags:
        if flag.startswith("-") and command_line.name_of(flag) not in known:
            raise ValueError(
                f"What stands behind -- must be options of train.py. "
                f"Received: {flag}"
            )


def count_trials(space: Space, search: str, num_trials: int | None) -> int:
    """Returns how many trials a search has.

    Raises:
        ValueError: If `num_trials` does not fit it, or a grid has a range.
    """
    if search == "grid":
        count = math.prod(len(choices) for choices in _grid(space).values())
        if num_trials is not None:
            raise ValueError(
                "`--num_trials` must be left out of a grid, which has "
                f"{count}. Received: num_trials={num_trials}"
            )
        return count
    if num_trials is None or num_trials < 1:
        raise ValueError(
            f"`--num_trials` must be at least 1 with --search={search}. "
            f"Received: num_trials={num_trials}"
        )
    return num_trials


def make_sampler(
    space: Space, search: str, seed: int, number: int
) -> optuna.samplers.BaseSampler:
    """Returns the sampler of the trial with a number.

    Each has its own: one for all, made anew when a sweep is resumed, would
    repeat its first draws.
    """
    if search == "grid":
        return _GridSampler(_grid(space), seed)
    seed = zlib.crc32(f"{seed} {number}".encode())
    if search == "random":
        return optuna.samplers.RandomSampler(seed)
    return optuna.samplers.TPESampler(seed=seed)


class _GridSampler(optuna.samplers.GridSampler):
    """A grid for a study without a loop, which Optuna's own tries to stop.

    See https://github.com/optuna/optuna/issues/4121.
    """

    def after_trial(self, *args: Any) -> None:
        del args


def _grid(space: Space) -> dict[str, Sequence[str]]:
    for name, suggest in space.items():
        if "choices" not in suggest.keywords:
            raise ValueError(
                "A range needs `--search=random` or tpe; a grid takes choices, "
                f"such as learning_rate=0.001,0.01. Received: range of {name}"
            )
    return {name: s.keywords["choices"] for name, s in space.items()}


def _parse_values(
    option: options_lib.Option, values: str
) -> functools.partial[Any]:
    if ":" in values and option.kind in ("integer", "number"):
        return _parse_range(option, *values.split(":"))
    comma = ";" if option.holds_commas else ","
    choices = [value.strip() for value in values.split(comma)]
    parsed: list[Any] = []
    for choice in choices:
        try:
            # As train.py would: what is wrong is said before all training.
            parsed.append(option.parse(choice))
            if option.check is not None:
                option.check(option.name, parsed[-1])
        except ValueError as error:
            if not option.holds_commas:
                raise
            raise ValueError(
                f"{error}. Its values may hold commas: separate them by "
                f"semicolons, --try '{option.name}=VALUE;VALUE'"
            ) from error
    if any(value in parsed[:index] for index, value in enumerate(parsed)):
        raise ValueError(
            "`--try` must name each value of an option once. Received: "
            f"{option.name}={values}"
        )
    suggest = optuna.Trial.suggest_categorical
    return functools.partial(suggest, name=option.name, choices=choices)


def _parse_range(
    option: options_lib.Option, *parts: str
) -> functools.partial[Any]:
    low, high = (option.parse(bound) for bound in parts[:2])
    scale = parts[2:]
    is_log = scale == ("log",)
    is_range = -math.inf < low < high < math.inf and (low > 0 or not is_log)
    if not is_range or (scale and not is_log):
        raise ValueError(
            f"`{option.name}` must have a range LOW:HIGH or LOW:HIGH:log, LOW "
            "below HIGH, and above 0 for log. "
            f"Received: {option.name}={':'.join(parts)}"
        )
    suggest: Callable[..., Any] = optuna.Trial.suggest_float
    ends = math.nextafter(low, high), math.nextafter(high, low)
    if option.kind == "integer":
        suggest, ends = optuna.Trial.suggest_int, (low, high)
    # A number at the end itself, such as a momentum of 1, is never drawn.
    check = option.check or (lambda name, value: value)
    try:
        for end in ends:
            check(option.name, end)
    except ValueError as error:
        wanted = str(error).partition(" Received: ")[0]
        raise ValueError(
            f"{wanted} Received: {option.name}={':'.join(parts)}"
        ) from error
    return functools.partial(
        suggest, name=option.name, low=low, high=high, log=is_log
    )
