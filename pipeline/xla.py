"""How functions become graphs: XLA for kernels, no AutoGraph for our own."""

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


def as_written(function):
    """Returns `function` for a dataset that is not to convert it.

    `Dataset.map` has AutoGraph rewrite every function that its own calls, which
    takes seconds. Ours decide nothing by the value of a tensor.
    """
    return tf.autograph.experimental.do_not_convert(function)
