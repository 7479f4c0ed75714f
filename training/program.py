"""What all programs have in common whose options are one configuration.

Each is a function of the configuration and of what stands behind the options:

    def main(config: ServeConfig, arguments: list[str]) -> int:
        ...

    if __name__ == "__main__":
        program.run(main, ServeConfig, about=__doc__, flags=flags)

What is wrong with an option is reported before the function is called, so that
nobody waits for TensorFlow to be told of a mistyped flag.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import os
import sys
from typing import Any
from typing import TypeVar

from absl import app
from absl import logging

from training import errors
from training import output
from training.config import flags as flags_lib
from training.config import options

_Config = TypeVar("_Config")


def run(
    work: Callable[[_Config, list[str]], int],
    config_class: type[_Config],
    *,
    about: str | None,
    flags: Any,
    interrupted: str = "Interrupted.",
) -> None:
    """Runs a program as its command line says, and ends the process.

    Args:
        work: Returns the exit status. A ValueError, a `TrainingError` or an
            OSError that it raises is printed as a sentence.
        config_class: Whose fields are the options.
        about: The program's docstring; its help, up to the paragraph that
            begins with "Each option".
        flags: The module `absl.flags`.
        interrupted: What is printed after Ctrl-C.
    """
    declared = options.flags_of(config_class)
    flags_lib.define(flags, declared)

    def parse(argv: list[str]) -> list[str]:
        return flags_lib.parse(
            argv,
            flags,
            about=(about or "").split("\n\nEach option")[0],
            groups=options.grouped(declared),
        )

    def main(argv: list[str]) -> int:
        name = os.path.basename(argv[0])
        try:
            given = flags_lib.read_given(flags.FLAGS, declared)
            config = options.make(config_class, given)
            # TensorFlow Datasets tells of each step.
            if not flags.FLAGS["verbosity"].present:
                logging.set_verbosity(logging.ERROR)
            return work(config, argv[1:])
        except (ValueError, errors.TrainingError) as error:
            return _fail(name, error, getattr(error, "status", 2))
        except OSError as error:
            return _fail(name, _explain(error), errors.StorageError.status)
        except KeyboardInterrupt:
            return _fail(name, interrupted, 130)

    with output.surviving():
        app.run(main, flags_parser=parse)


def refuse_arguments(arguments: Sequence[str]) -> None:
    """Raises ValueError where something stands behind the options."""
    if arguments:
        raise ValueError(
            f"Options begin with --. Received: {' '.join(arguments)}"
        )


def _explain(error: OSError) -> str:
    """Returns what the system says of a file in words."""
    if not isinstance(error.filename, (str, bytes)):
        return str(error)
    return (
        f"{os.fsdecode(error.filename)} cannot be read or written: "
        f"{error.strerror}. Give access to it, or make room, and run the same "
        "command again."
    )


def _fail(name: str, error: object, status: int) -> int:
    # What a program has said already has no text.
    if str(error):
        print(f"{name}: {error}", file=sys.stderr)
    return status
