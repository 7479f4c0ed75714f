"""Where XLA compiles: one switch for every kernel."""

import functools

import tensorflow as tf


def compiled(function, jit_compile):
    """Returns `function` as it is, or compiled by XLA.

    Args:
        function: Module-level function of tensors and hashable Python values.
        jit_compile: Whether to compile.

    Returns:
        A function with the same arguments and values.
    """
    return _compiled(function) if jit_compile else function


@functools.lru_cache(maxsize=64)
def _compiled(function):
    return tf.function(function, jit_compile=True, autograph=False)
