"""How the `tfds` command ends when it was given something wrong."""

import functools
import pathlib
import sys
import traceback


def show_errors_plainly():
    """Has `tfds build` end with what is wrong and not with a stack trace.

    TFDS's command shows every error by the way it took. What this package says
    about a folder or an option needs no more than its words. All other errors,
    and all other programs, are left as they are.
    """
    if pathlib.Path(sys.argv[0]).stem == "tfds":
        sys.excepthook = functools.partial(_show, sys.excepthook)


def _show(show_others, kind, error, trace):
    """Shows an error that nobody caught, as `sys.excepthook` does."""
    if issubclass(kind, ValueError) and _is_ours(trace):
        print(f"tfds build: {error}", file=sys.stderr)
    elif issubclass(kind, TypeError) and "XrayConfig.__init__" in str(error):
        # TFDS passes on whatever names `--config` has.
        print(
            f"tfds build: {error}. The options are the fields of XrayConfig "
            "(xray_tfds/config.py).",
            file=sys.stderr,
        )
    else:
        show_others(kind, error, trace)


def _is_ours(trace):
    """Whether the error was raised in this package, not below it."""
    *_, (frame, _) = traceback.walk_tb(trace)
    return frame.f_globals["__name__"].partition(".")[0] == __package__
