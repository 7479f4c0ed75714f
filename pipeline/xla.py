"""How functions become graphs: XLA for kernels, no AutoGraph for our own."""

from __future__ import annotations

from collections.abc import Callable
import functools
from typing import ParamSpec
from typing import TypeVar

import tensorflow as tf

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compile_if(
    jit_compile: bool, function: Callable[_P, _R]
) -> Callable[_P, _R]:
    """Returns `function` compiled by XLA if `jit_compile`, else as it is.

    Args:
        jit_compile: Whether to compile.
        function: Module-level function of tensors and hashable Python values.
    """
    return _compile(function) if jit_compile else function


@functools.lru_cache(maxsize=64)
def _compile(function: Callable[_P, _R]) -> Callable[_P, _R]:
    compiled: Callable[_P, _R] = tf.function(
        function, jit_compile=True, autograph=False
    )
    return compiled


def without_autograph(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Returns `function` for a dataset that is not to convert it.

    `Dataset.map` has AutoGraph rewrite every function that its own calls, which
    takes seconds. Ours decide nothing by the value of a tensor.
    """
    # Experimental since TensorFlow 2.0, and still in 2.21. Where it is gone,
    # datasets are the same and seconds later.
    autograph = getattr(tf.autograph, "experimental", None)
    opt_out = getattr(autograph, "do_not_convert", lambda function: function)
    unconverted: Callable[_P, _R] = opt_out(function)
    return unconverted
