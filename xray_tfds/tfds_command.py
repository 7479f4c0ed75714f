"""What the `tfds` command does otherwise than it should, put right."""

import functools
import sys
import traceback

# The command imports it before any dataset; other programs do not.
_BUILD = "tensorflow_datasets.scripts.cli.build"


def amend(builder_cls):
    """Amends `tfds build` for a dataset, where it is what runs.

    What this package says about a folder or an option needs no more than its
    words: the stack trace through TFDS is left out. Other errors keep theirs.

    With `--overwrite`, TFDS deletes the old records before it builds: if that
    fails, there are neither, and nobody knows any more in which split a patient
    was. The builder itself replaces them once the new ones are complete.

    Args:
        builder_cls: Class of the dataset's builder.
    """
    build = sys.modules.get(_BUILD)
    if build is None:
        return
    sys.excepthook = functools.partial(_show, sys.excepthook)
    # Not public; a TFDS without it must not go unnoticed.
    make = getattr(build, "_make_builder")
    setattr(build, "_make_builder", functools.partial(_keep, make, builder_cls))


def _keep(make, ours, builder_cls, *, overwrite, **kwargs):
    """Makes a builder as TFDS does, but leaves overwriting to ours."""
    overwrite = overwrite and not issubclass(builder_cls, ours)
    return make(builder_cls, overwrite=overwrite, **kwargs)


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
