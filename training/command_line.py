"""Command lines that pass options on to `train.py` behind a `--`."""

import argparse


def make_parser(program, description):
    """Returns a parser whose `flags` are what stands behind `--`.

    Args:
        program: How the program is called, such as "python -m training.launch".
        description: Its help.

    Returns:
        An `argparse.ArgumentParser`, for `parse`.
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


def parse(parser, arguments):
    """Returns the options; `flags` is a list without the `--` itself.

    Args:
        parser: As `make_parser` returns it.
        arguments: List of str; None for those of the process.
    """
    options = parser.parse_args(arguments)
    if options.flags and options.flags[0] == "--":
        del options.flags[0]
    return options


def refuse_flags(parser, flags, names):
    """Ends the program where flags are among those that it sets itself.

    Args:
        parser: Says so.
        flags: What stands behind `--`.
        names: Of the options.
    """
    taken = [flag for flag in flags if name_of(flag) in names]
    if taken:
        parser.error(f"this program itself sets {' '.join(taken)}")


def name_of(flag):
    """Returns the option's name in `--name=value`."""
    return flag.lstrip("-").partition("=")[0]
