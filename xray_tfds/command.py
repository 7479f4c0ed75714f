"""What the `tfds` command does otherwise than it should, put right."""

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
    if _is_tfds():
        sys.excepthook = functools.partial(_show, sys.excepthook)


def deletes_first():
    """Whether this process is a `tfds build --overwrite`.

    It deletes records that are prepared before it builds new ones: if that
    fails, there are neither, and nobody knows any more in which split a patient
    was.
    """
    return _is_tfds() and any(a.startswith("--overwrite") for a in sys.argv)


def _is_tfds():
    # A program that embeds Python may have no arguments at all.
    return pathlib.Path(*sys.argv[:1]).stem == "tfds"


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
