"""The options as flags of absl, for the program that reads its command line.

That program passes `absl.flags` in: nothing else depends on a command line.
"""

from collections.abc import Iterable
import json
import os
import re
import sys
from typing import Any

from disk import paths
from pipeline import config as augment_lib
from pipeline import options as options_lib
from training.config import data
from training.config import options
from training.config import train
from training.config import weight_files

_HELP_FLAGS = {"-h", "-help", "--help", "-helpshort", "--helpshort", "-?"}

# Option -> what is no path where a path is expected.
_WORDS = {"weights": weight_files.IMAGENET}

# What editors of Windows begin a file with.
_BYTE_ORDER_MARK = "\ufeff"

# The builder's option that is a path.
_TABLE = "patients_csv"

# Options that may name a bucket.
_REMOTE = ("images_dir", "publish_dir")

# Option -> what helps where a bucket was meant.
_REMEDIES = {
    "data_dir": " (--publish_dir has the records copied there; copy those that"
    " are there to this machine)"
}


def define(
    flags: Any, declared: Iterable[options_lib.Option] = options.ALL
) -> None:
    """Defines a flag for each option.

    Args:
        flags: The module `absl.flags`.
        declared: The options; those of a run, if left out.
    """
    # In a notebook, `%run` has one process for one program after another.
    for flag in [*flags.FLAGS.flags_by_module_dict().get(__name__, ())]:
        delattr(flags.FLAGS, flag.name)
    for option in declared:
        name, default, text = option.name, option.default, option.help
        if option.kind == "enum":
            flags.DEFINE_enum(name, default, option.choices, text)
        elif option.kind == "boolean":
            flags.DEFINE_boolean(name, default, text)
        else:
            # Text, which the option itself knows to read.
            written = None if default is None else str(default)
            flags.DEFINE_string(name, written, text)


def parse(
    argv: list[str],
    flags: Any,
    *,
    about: str,
    groups: options.Groups = options.GROUPS,
) -> list[str]:
    """Returns what is left of `argv`; prints help, or what is wrong, and exits.

    absl's own `--help` sorts by name; ours keeps what belongs together
    together. Its `--helpfull` is left as it is.

    Args:
        argv: The command line.
        flags: The module `absl.flags`.
        about: What the help says before the options.
        groups: The options by their headings.
    """
    if _HELP_FLAGS.intersection(argv[1:]):
        print(f"{about}\n")
        print(options.describe(groups))
        print("\n--flagfile=FILE reads options from a file, one a line.")
        sys.exit(0)
    try:
        left = list(flags.FLAGS(argv))
        if any(text.startswith(_BYTE_ORDER_MARK) for text in left):
            raise flags.Error(
                "--flagfile begins with a byte order mark, which hides its "
                "first option: save the file as UTF-8 without one."
            )
        return left
    except flags.Error as error:
        reason = str(error)
    except UnicodeDecodeError as error:
        reason = f"--flagfile must be a text file in UTF-8: {error}"
    print(f"{os.path.basename(argv[0])}: {reason}", file=sys.stderr)
    sys.exit(2)


def read_given(
    flag_values: Any, declared: Iterable[options_lib.Option]
) -> dict[str, Any]:
    """Returns what the flags of some options hold, without those left out.

    Args:
        flag_values: The parsed `absl.flags.FLAGS`. Its paths become absolute,
            so that a flag file says the same from any directory.
        declared: The options.

    Raises:
        ValueError: If a path is none.
    """
    given = {}
    for option in declared:
        flag = flag_values[option.name]
        if not flag.present:
            continue
        if option.kind == "path" and flag.value != _WORDS.get(option.name):
            flag.value = _read_path(option, flag.value)
        if option.name == "builder_config":
            flag.value = _with_absolute_table(option, flag.value)
        given[option.name] = flag.value
    return given


def _with_absolute_table(option: options_lib.Option, text: str) -> str:
    """Returns the builder's options with an absolute path of their table."""
    values = option.parse(text)
    path = values.get(_TABLE)
    # What is none the builder will tell.
    if not isinstance(path, str) or not path or not paths.is_local(path):
        return text
    values[_TABLE] = os.path.abspath(os.path.expanduser(path))
    return json.dumps(values, ensure_ascii=False)


def _read_path(option: options_lib.Option, value: str) -> str:
    path: str = option.parse(value)
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"`{option.name}` must be a path in UTF-8, as TensorFlow needs it: "
            "rename it, or set PYTHONUTF8=1 if it is one. "
            f"Received: {option.name}={path!a}"
        ) from error
    if paths.is_local(path):
        return os.path.abspath(path) if option.in_flagfile else path
    if option.name not in _REMOTE:
        raise ValueError(
            f"`{option.name}` must be a path of this machine. Received: "
            f"{option.name}={path}{_REMEDIES.get(option.name, '')}"
        )
    return path


def read(flag_values: Any) -> tuple[data.DataConfig, train.TrainConfig]:
    """Returns what the flags say.

    Args:
        flag_values: As for `read_given`.

    Raises:
        ValueError: If a value is not what its option takes.
    """
    given = read_given(flag_values, options.ALL)
    augment = options.parse_group(options.AUGMENTATION, given)
    return (
        data.DataConfig(**options.parse_group(options.DATA, given)),
        train.TrainConfig(
            **options.parse_group(options.TRAIN, given),
            augment=augment_lib.AugmentConfig(**augment),
        ),
    )


def write(flag_values: Any) -> str:
    """Returns the text of a flag file that repeats this run.

    Args:
        flag_values: As `read` left it.
    """
    lines = ["# Repeats this run: python train.py --flagfile=THIS_FILE"]
    for title, group in options.GROUPS.items():
        lines += ["", f"# {title}"]
        for option in group:
            flag = flag_values[option.name]
            if option.in_flagfile and flag.value is not None:
                text = flag.serialize()
                if option.kind in ("object", "class_weight"):
                    # Between the parts of JSON, never within a text of it.
                    text = re.sub(r"[\r\n]+", " ", text)
                lines.append(text)
    return "\n".join(lines) + "\n"


def parse_flagfile(text: str) -> dict[str, str]:
    """Returns the flags in the text of a flag file, as `write` made it.

    Args:
        text: Of the file; what is no flag of an option is left out.

    Returns:
        Text of each flag by name, for `options.parse_group`.
    """
    names = {option.name for option in options.ALL}
    given: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("--").partition("=")
        if not equals:
            value = "true" if name in names else "false"
            name = name if name in names else name.removeprefix("no")
        if line.startswith("--") and name in names:
            given[name] = value
    return given
