"""What the `tfds` command does otherwise than it should, put right."""

import argparse
import dataclasses
import functools
import inspect
import json
import os
import sys
import traceback
from types import ModuleType
from types import TracebackType
from typing import Any
from typing import Callable
from typing import Optional

import tensorflow_datasets as tfds

from console import streams
from console import warning_filters
from xray_tfds import config as config_lib
from xray_tfds.source import class_names

# Imported by the command before any dataset, and by no other program:
# https://github.com/tensorflow/datasets/blob/v4.9.10/tensorflow_datasets/
# scripts/cli/build.py. TFDS offers no public way to amend it.
_BUILD = "tensorflow_datasets.scripts.cli.build"

# In quotes, or the shell takes those of JSON away.
_EXAMPLE = """--config='{"image_size": [128, 128]}'"""

# What these packages raise of a folder or a table is in words.
_OURS = (__package__, "disk")


def amend(builder_cls: type[tfds.core.DatasetBuilder]) -> None:
    """Amends `tfds build` for a dataset, where it is what runs.

    What this package says about a folder or an option needs no more than its
    words: the stack trace through TFDS is left out. Other errors keep theirs.
    A file's name that the screen cannot show is spelt out.

    Of a dataset that was built, TFDS prints all that it knows, the citation
    included. Of ours it is a line.

    With `--overwrite`, TFDS deletes the old records before it builds: if that
    fails, there are neither, and nobody knows any more in which split a patient
    was. The builder itself replaces them once the new ones are complete.

    With `class_names=auto`, the folder says what the builder is to be, which
    TFDS makes without having seen it: another takes its place.

    With `--publish_dir`, TFDS fails at the first folder among the records, and
    leaves a part of them there: the builder itself publishes.

    Args:
        builder_cls: Class of the dataset's builder.

    Raises:
        ImportError: If this TFDS is another than those that are known, so that
            `--overwrite` could not be kept from deleting.
    """
    build = sys.modules.get(_BUILD)
    if build is None:
        return
    streams.escape_unencodable()
    warning_filters.keep_warnings()
    make = _find_make_builder(build)
    sys.excepthook = functools.partial(_show, sys.excepthook)
    keep = functools.partial(_keep, make, builder_cls)
    setattr(build, "_make_builder", keep)
    prepare = functools.partial(_prepare, build._download_and_prepare, keep)
    setattr(build, "_download_and_prepare", prepare)


def _find_make_builder(build: ModuleType) -> Callable:
    """Returns TFDS's function that deletes; it is not public."""
    make = getattr(build, "_make_builder", None)
    if (
        make is None
        or "overwrite" not in inspect.signature(make).parameters
        or not hasattr(build, "_download_and_prepare")
    ):
        raise ImportError(
            f"`tfds build` of TensorFlow Datasets {tfds.__version__} would "
            "delete old records before the new ones are complete. Install a "
            "version that xray_tfds knows: pip install "
            "'tensorflow-datasets>=4.9.8,<4.9.11'"
        )
    return make


def _keep(
    make: Callable,
    ours: type,
    builder_cls: Any,
    *,
    overwrite: bool,
    **kwargs: Any,
) -> Any:
    """Makes a builder as TFDS does, but leaves overwriting to ours."""
    if not issubclass(builder_cls, ours):
        return make(builder_cls, overwrite=overwrite, **kwargs)
    config = kwargs.get("config")
    if isinstance(config, str) and (
        config.partition(":")[0] not in builder_cls.builder_configs
    ):
        raise ValueError(
            f"`config` must be options in JSON, such as {_EXAMPLE}. Received: "
            f"config={config}"
        )
    builder = make(builder_cls, overwrite=False, **kwargs)
    # The command has no other use for it than to print it.
    builder.info.__class__ = _BriefInfo
    return builder


def _prepare(
    prepare: Callable, make: Callable, args: Any, builder: Any
) -> None:
    """Prepares as TFDS does; with `class_names=auto`, those of the folder."""
    config = builder.builder_config
    publish_dir = None
    if isinstance(config, config_lib.XrayConfig):
        args, publish_dir = _take_publish_dir(args)
    if getattr(config, "class_names", None) == class_names.AUTO:
        # In groups since TFDS 4.9.9.
        paths = getattr(args, "paths", args)
        debug = getattr(args, "debug", args)
        directory = paths.manual_dir
        if directory is None:
            raise ValueError(
                "`class_names` auto needs a folder to find classes in: add "
                "--manual_dir=DIR. Received: class_names=auto without one"
            )
        if paths.add_name_to_manual_dir:
            directory /= builder.name
        builder = make(
            type(builder),
            overwrite=debug.overwrite,
            fail_if_exists=debug.fail_if_exists,
            config=config.find_classes(directory),
            data_dir=builder.data_dir_root,
            file_format=builder.info.file_format,
        )
        source = builder.intake.find(directory)
        print(class_names.describe(source, builder.builder_config.class_names))
    if publish_dir is not None:
        builder.publish_dir = publish_dir
    prepare(args, builder)


def _take_publish_dir(args: Any) -> tuple[Any, Optional[str]]:
    """Returns arguments without `--publish_dir`, and what it was."""
    # In groups since TFDS 4.9.9.
    options = getattr(args, "publishing", args)
    place = getattr(options, "publish_dir", None)
    if place is None:
        return args, None
    if options.skip_if_published:
        raise ValueError(
            "`skip_if_published` must not be given: what is in `publish_dir` "
            "already is not copied again. Leave --skip_if_published out. "
            f"Received: skip_if_published=True, publish_dir={os.fspath(place)}"
        )
    if options is args:
        args = argparse.Namespace(**{**vars(args), "publish_dir": None})
    else:
        options = dataclasses.replace(options, publish_dir=None)
        args = dataclasses.replace(args, publishing=options)
    return args, os.fspath(place)


class _BriefInfo(tfds.core.DatasetInfo):
    """What the command prints of a dataset."""

    def __repr__(self) -> str:
        numbers = ", ".join(
            f"{split.num_examples} for {name}"
            for name, split in self.splits.items()
        )
        return f"{self.full_name}: {numbers}"


def _show(
    show_others: Callable,
    kind: type[BaseException],
    error: BaseException,
    trace: Optional[TracebackType],
) -> None:
    """Shows an error that nobody caught, as `sys.excepthook` does."""
    modules = _modules(trace)
    if issubclass(kind, ValueError) and _is_ours(modules):
        print(f"tfds build: {error}", file=sys.stderr)
    elif issubclass(kind, json.JSONDecodeError) and _is_of_options(modules):
        print(
            f"tfds build: options must be JSON, such as {_EXAMPLE}. Received: "
            f"{getattr(error, 'doc', '')} ({error})",
            file=sys.stderr,
        )
    elif issubclass(kind, BrokenPipeError):
        print(
            "tfds build: nobody reads its output any more, which ended it. Run "
            "it again, with the output in a file.",
            file=sys.stderr,
        )
    elif issubclass(kind, TypeError) and "XrayConfig.__init__" in str(error):
        # TFDS passes on whatever names `--config` has. From Python 3.13 on, the
        # error ends with a name that may have been meant.
        print(
            f"tfds build: {error}{'' if str(error).endswith('?') else '.'} "
            "The options are the fields of XrayConfig (xray_tfds/config.py).",
            file=sys.stderr,
        )
    else:
        show_others(kind, error, trace)


def _modules(trace: Optional[TracebackType]) -> list[str]:
    """Returns the modules through which an error came, the outermost first."""
    frames = [frame for frame, _ in traceback.walk_tb(trace)]
    return [frame.f_globals["__name__"] for frame in frames]


def _is_ours(modules: list[str]) -> bool:
    """Whether the error was raised in our packages, not below them."""
    return bool(modules) and modules[-1].partition(".")[0] in _OURS


def _is_of_options(modules: list[str]) -> bool:
    """Whether the command itself was reading JSON."""
    others = [m for m in modules if m.partition(".")[0] != "json"]
    return others[-1:] == [_BUILD]
