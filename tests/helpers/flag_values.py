"""Flags of absl that a test has for itself."""

import functools
import types

from absl import flags


def module_of(values):
    """Returns what `flags_lib.define` takes for absl's module.

    Args:
        values: `FlagValues` in which flags are defined, not those of the
            process.
    """
    names = ("DEFINE_enum", "DEFINE_boolean", "DEFINE_string")
    return types.SimpleNamespace(
        FLAGS=values,
        **{
            name: functools.partial(getattr(flags, name), flag_values=values)
            for name in names
        },
    )
