"""What a stream can show, wherever a program or a notebook runs."""

from __future__ import annotations

import io
import sys
from typing import TextIO


def is_live(stream: TextIO) -> bool:
    """Whether a progress bar on a stream can be drawn anew in its place.

    On a terminal and in a notebook it can. In a log each drawing would stay.
    """
    return stream.isatty() or in_notebook()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, of Colab too.

    As `tqdm.auto` has it, which draws bars of widgets there
    (https://github.com/tqdm/tqdm/blob/v4.67.1/tqdm/autonotebook.py).
    """
    # Whoever runs in a kernel has imported it; nobody else shall.
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return "IPKernelApp" in getattr(shell, "config", {})


def escape_unencodable() -> None:
    r"""Has standard output and error spell out what they cannot encode.

    A file's name in other letters than those of a Windows code page, as a rule:
    `\u5f71.png` is better than the end of the program.
    """
    for stream in (sys.stdout, sys.stderr):
        # None without a console, under `pythonw`; another kind in notebooks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
