"""The options of a training run, as a table that a command line is made of.

Names and defaults are those of `DataConfig`, `TrainConfig` and
`pipeline.AugmentConfig`, whose docstrings say more. An option that is left out
is None where the configuration itself decides the default.

Imports neither TensorFlow nor absl: entry points alone read flags.
"""

import textwrap

from training.config.options.augmentation import AUGMENTATION
from training.config.options.data import DATA
from training.config.options.learning import LEARNING
from training.config.options.learning import MODEL
from training.config.options.option import Option
from training.config.options.run import DEVICES
from training.config.options.run import RUN

GROUPS = {
    "Data": DATA,
    "Model": MODEL,
    "Training": LEARNING,
    "Augmentation (of training images; names and units of Keras)": AUGMENTATION,
    "Devices": DEVICES,
    "Run": RUN,
}

# What `TrainConfig` is made of.
TRAIN = MODEL + LEARNING + DEVICES + RUN


def parse_group(group, values):
    """Returns the values of a group that were given, as configuration has them.

    Args:
        group: One of `GROUPS`' values.
        values: Dict of names to what the flags hold.

    Returns:
        Dict of names to values, without those that are None.

    Raises:
        ValueError: If a text is not of its option's kind.
    """
    parsed = {
        option.name: option.parse(values[option.name]) for option in group
    }
    return {name: v for name, v in parsed.items() if v is not None}


def describe():
    """Returns the options as text for a terminal, group by group."""
    lines = []
    for group, group_options in GROUPS.items():
        lines += ["", group]
        for option in group_options:
            lines += _describe(option)
    return "\n".join(lines[1:])


def _describe(option):
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


_WIDTH = 80
_INDENT = 28
