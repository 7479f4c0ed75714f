"""Command lines that pass options on to `train.py` behind a `--`."""

import argparse
from collections.abc import Collection
from collections.abc import Sequence


def make_parser(program: str, description: str) -> argparse.ArgumentParser:
    """Returns a parser whose `flags` are what stands behind `--`.

    Args:
        program: How the program is called, such as "python -m training.launch".
        description: Its help.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "flags", nargs=argparse.REMAINDER, help="-- and options of train.py"
    )
    return parser


def parse(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """Returns the options; `flags` is a list without the `--` itself.

    Args:
        parser: As `make_parser` returns it.
        arguments: None for those of the process.
    """
    options = parser.parse_args(arguments)
    if options.flags and options.flags[0] == "--":
        del options.flags[0]
    return options


def refuse_flags(
    parser: argparse.ArgumentParser,
    flags: Sequence[str],
    names: Collection[str],
) -> None:
    """Ends the program where flags are among those that it sets itself.

    Args:
        parser: Says so.
        flags: What stands behind `--`.
        names: Of the options.
    """
    taken = [flag for flag in flags if name_of(flag) in names]
    if taken:
        parser.error(f"this program itself sets {' '.join(taken)}")


def name_of(flag: str) -> str:
    """Returns the option's name in `--name=value`."""
    return flag.lstrip("-").partition("=")[0]
