"""Warnings that shall be errors, as a developer's shell has it."""

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import warnings
from console import warning_filters
warning_filters.keep_warnings()
warnings.warn("of age", DeprecationWarning)
warnings.warn("of use", UserWarning)
print("ended")
"""


@pytest.mark.parametrize(
    ("options", "shown"),
    [("error", True), ("error::DeprecationWarning", True), ("ignore", False)],
)
def test_errors_are_printed_as_the_warnings_that_they_are(options, shown):
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=os.environ | {"PYTHONWARNINGS": options},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "ended\n", done.stderr
    assert ("DeprecationWarning: of age" in done.stderr) == shown
