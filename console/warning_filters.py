"""Warnings that the environment calls errors."""

from __future__ import annotations

import sys
import warnings


def keep_warnings() -> None:
    """Has warnings printed that `PYTHONWARNINGS` or `-W` turns into errors.

    Libraries warn of each other's age. As errors, such warnings end a program
    where nothing is wrong, or make whole files look damaged.
    """
    if not sys.warnoptions:
        return
    for action, _, category, _, _ in reversed(warnings.filters[:]):
        if action == "error":
            warnings.simplefilter("default", category)
