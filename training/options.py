"""The options of a training run, as a table that a command line is made of.

Names and defaults are those of `DataConfig`, `TrainConfig` and
`pipeline.AugmentConfig`, whose docstrings say more. An option that is left out
is None where the configuration itself decides the default.

Imports neither TensorFlow nor absl: entry points alone read flags.
"""

from collections.abc import Callable
import dataclasses
import textwrap
from typing import Any

from training import config as config_lib

# What each kind is written like; `string`, `boolean`, `enum`: as they are.
PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "integer": (int, "a whole number"),
    "number": (config_lib.parse_number, "a number, such as 0.5 or 1/255"),
    "range": (config_lib.parse_range, "a number, or several, such as -8,0,8"),
    "pair": (config_lib.parse_pair, "one number, or two, such as 0.8,1.2"),
    "size": (config_lib.parse_size, "one int, or height and width as 256,256"),
    "names": (config_lib.parse_names, "names, such as normal,pneumonia"),
    "object": (config_lib.parse_object, 'JSON, such as {"on_leak": "move"}'),
}


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of the command line.

    Attributes:
        name: Also the name of the configuration's field.
        kind: `string`, `boolean`, `enum`, or one of `PARSERS`.
        help: A phrase or two.
        default: The value if the option is left out.
        choices: The values of an `enum`.
    """

    name: str
    kind: str
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()

    def parse(self, value):
        """Returns the configuration's value for what a flag holds.

        Raises:
            ValueError: If `value` is text that is not of this kind.
        """
        if value is None or self.kind not in PARSERS:
            return value
        parser, expected = PARSERS[self.kind]
        try:
            return parser(str(value))
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(
                f"`{self.name}` must be {expected}. "
                f"Received: {self.name}={value}"
            ) from error


DATA = (
    Option(
        "images_dir",
        "string",
        "Folder of class folders, with or without train/, validation/ and "
        "test/ above them; prepared first if need be.",
    ),
    Option(
        "dataset",
        "string",
        "Instead of --images_dir: name of a prepared TFDS dataset, such as "
        "xray_tfds or xray_tfds/<config>.",
    ),
    Option(
        "data_dir",
        "string",
        "Where prepared records are. With --images_dir data/records if left "
        "out, with --dataset TFDS's own directory.",
    ),
    Option(
        "image_size",
        "size",
        "Height and width in pixels, one number for a square. Preparing uses "
        "256,256 if this is left out.",
    ),
    Option(
        "color_mode",
        "enum",
        "Colours of the prepared images; grayscale if left out.",
        choices=config_lib.COLOR_MODES,
    ),
    Option(
        "interpolation",
        "enum",
        "How images are resized; bilinear if left out, nearest as Keras does.",
        choices=config_lib.INTERPOLATIONS,
    ),
    Option(
        "class_names",
        "names",
        "The classes' folders in label order; normal,pneumonia if left out.",
    ),
    Option(
        "builder_config",
        "object",
        "Further options of the builder, as of tfds build --config.",
    ),
)

MODEL = (
    Option(
        "model",
        "enum",
        "The network.",
        default=config_lib.TrainConfig.model,
        choices=config_lib.MODELS,
    ),
)

TRAINING = (
    Option(
        "batch_size",
        "integer",
        "Images in a step, over all devices.",
        default=config_lib.TrainConfig.batch_size,
    ),
    Option(
        "epochs",
        "integer",
        "How many times the training images are gone through.",
        default=config_lib.TrainConfig.epochs,
    ),
    Option(
        "learning_rate",
        "number",
        "Learning rate of Adam.",
        default=config_lib.TrainConfig.learning_rate,
    ),
)

AUGMENTATION = (
    Option("rescale", "number", "Factor on all images, such as 1/255."),
    Option("horizontal_flip", "boolean", "Mirror left and right at random."),
    Option("vertical_flip", "boolean", "Mirror top and bottom at random."),
    Option(
        "width_shift_range",
        "range",
        "Fraction of the width (0.05), pixels (8), or a choice (-8,0,8).",
    ),
    Option("height_shift_range", "range", "Likewise for the height."),
    Option("rotation_range", "number", "Degrees, either way."),
    Option("shear_range", "number", "Degrees, either way."),
    Option("zoom_range", "pair", "0.2 for factors 0.8 to 1.2, or the two."),
    Option("channel_shift_range", "number", "Grey levels, either way."),
    Option("brightness_range", "pair", "Two factors, such as 0.8,1.2."),
    Option(
        "fill_mode",
        "enum",
        "How points outside the image are filled; nearest if left out.",
        choices=("nearest", "constant", "reflect", "wrap"),
    ),
    Option("cval", "number", "Grey level outside for fill_mode=constant."),
    Option("interpolation_order", "integer", "Spline order, 0 to 5."),
    Option("samplewise_center", "boolean", "Subtract each image's mean."),
    Option(
        "samplewise_std_normalization",
        "boolean",
        "Divide by each image's standard deviation.",
    ),
    Option("featurewise_center", "boolean", "Subtract the data set's mean."),
    Option(
        "featurewise_std_normalization",
        "boolean",
        "Divide by the data set's standard deviation.",
    ),
    Option("zca_whitening", "boolean", "Whiten images of up to 64x64."),
    Option("zca_epsilon", "number", "Added before ZCA divides; 1e-6."),
    Option(
        "keras_quirks",
        "boolean",
        "Reproduce ImageDataGenerator to the pixel (the default), or do what "
        "its documentation says (--nokeras_quirks).",
    ),
)

RUN = (
    Option(
        "workdir",
        "string",
        "Directory for all files of the run; runs/<date>-<time> if left out.",
    ),
    Option(
        "strategy",
        "enum",
        "One device, or all GPUs of this machine (its CPU if it has none).",
        default=config_lib.TrainConfig.strategy,
        choices=config_lib.STRATEGIES,
    ),
    Option(
        "num_virtual_devices",
        "integer",
        "Mirror over so many logical CPU devices, to try it without GPUs.",
        default=config_lib.TrainConfig.num_virtual_devices,
    ),
    Option(
        "seed",
        "integer",
        "Of the weights, the order and the augmentation.",
        default=config_lib.TrainConfig.seed,
    ),
    Option(
        "augment_on",
        "enum",
        "Where images are transformed: device for hosts that cannot keep up.",
        default=config_lib.TrainConfig.augment_on,
        choices=config_lib.PLACES,
    ),
    Option(
        "cache_on",
        "enum",
        "Where images are kept: device if they fit there, with "
        "--augment_on=device.",
        default=config_lib.TrainConfig.cache_on,
        choices=config_lib.PLACES,
    ),
    Option(
        "memory_budget_gb",
        "number",
        "GiB of memory for the images of a split; larger ones are read as "
        "needed.",
        default=config_lib.TrainConfig.memory_budget_gb,
    ),
    Option(
        "deterministic",
        "boolean",
        "Bit-identical results on GPUs too, at some cost in speed.",
        default=config_lib.TrainConfig.deterministic,
    ),
)

GROUPS = {
    "Data": DATA,
    "Model": MODEL,
    "Training": TRAINING,
    "Augmentation (of training images; names and units of Keras)": AUGMENTATION,
    "Run": RUN,
}


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
