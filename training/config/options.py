"""The options of a training run: the fields of its configurations, by group.

Each is declared where its field is: in `training.config.data`,
`training.config.train` or `pipeline.config`.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import textwrap
from typing import Any

from pipeline import config as augment_lib
from pipeline import options as options_lib
from training.config import data
from training.config import train

Option = options_lib.Option
Groups = Mapping[str, Iterable[Option]]

_WIDTH = 80
_INDENT = 28


def _flags_of(config_class: type) -> tuple[Option, ...]:
    declared = options_lib.options_of(config_class).values()
    return tuple(option for option in declared if option.is_flag)


TRAIN = _flags_of(train.TrainConfig)
ALL = (
    *_flags_of(data.DataConfig),
    *TRAIN,
    *_flags_of(augment_lib.AugmentConfig),
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
