"""The options of a training run: the fields of its configurations, by group.

Each is declared where its field is: in `training.config.data`,
`training.config.train` or `pipeline.config`.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import textwrap
from typing import Any
from typing import TypeVar

from pipeline import config as augment_lib
from pipeline import options as options_lib
from training.config import data
from training.config import train

Option = options_lib.Option
Groups = Mapping[str, Iterable[Option]]
_Config = TypeVar("_Config")

_WIDTH = 80
_INDENT = 28


def flags_of(config_class: type) -> tuple[Option, ...]:
    """Returns the options of a configuration that the command line has."""
    declared = options_lib.options_of(config_class).values()
    return tuple(option for option in declared if option.is_flag)


TRAIN = flags_of(train.TrainConfig)
ALL = (
    *flags_of(data.DataConfig),
    *TRAIN,
    *flags_of(augment_lib.AugmentConfig),
)
# In the order of the help and of flag files.
GROUPS = {
    group.title: tuple(option for option in ALL if option.group == group)
    for group in (
        data.DATA,
        train.MODEL,
        train.TRAINING,
        augment_lib.AUGMENTATION,
        train.DEVICES,
        train.RUN,
    )
}
DATA = GROUPS[data.DATA.title]
AUGMENTATION = GROUPS[augment_lib.AUGMENTATION.title]


def parse_group(
    group: Iterable[Option], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the values of some options as their configuration has them.

    Args:
        group: The options.
        given: What flags hold, by name; without those that were left out.

    Raises:
        ValueError: If a text is not of its option's kind.
    """
    return {
        option.name: option.parse(given[option.name])
        for option in group
        if option.name in given
    }


def make(config_class: type[_Config], given: Mapping[str, Any]) -> _Config:
    """Returns the configuration that flags stand for.

    Args:
        config_class: Whose fields the flags are.
        given: What the flags hold, by name, without those left out.

    Raises:
        ValueError: If a value is not what its option takes.
    """
    return config_class(**parse_group(flags_of(config_class), given))


def grouped(declared: Iterable[Option]) -> Groups:
    """Returns options by their headings, in the order of declaration."""
    groups: dict[str, list[Option]] = {}
    for option in declared:
        groups.setdefault(option.group.title, []).append(option)
    return groups


def describe(groups: Groups = GROUPS) -> str:
    """Returns options as text for a terminal.

    Args:
        groups: The options by their headings; those of a run, if left out.
    """
    lines: list[str] = []
    for title, group in groups.items():
        lines += ["", title]
        for option in group:
            lines += _describe(option)
    return "\n".join(lines[1:])


def _describe(option: Option) -> list[str]:
    name = option.name
    usage = f"--[no]{name}" if option.kind == "boolean" else f"--{name}"
    text = option.help
    if option.choices:
        text += f" One of {', '.join(option.choices)}."
    if option.default is not None:
        text += f" (default: {str(option.default).lower()})"
    lines = textwrap.wrap(text, _WIDTH - _INDENT)
    if len(usage) + 3 > _INDENT:
        lines.insert(0, "")
    lines = [" " * _INDENT + line for line in lines]
    lines[0] = f"  {usage}" + lines[0][len(usage) + 2 :]
    return lines
