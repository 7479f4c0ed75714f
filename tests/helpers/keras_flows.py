"""Flows of ours held against the live iterators of Keras that they replace."""

import inspect
import warnings

import numpy as np
import tensorflow as tf


def attempt(function, *kinds):
    """Returns what a call gives or the error, and how often it warns.

    Args:
        function: Called without arguments.
        *kinds: Text of each kind of warning to count.

    Returns:
        The result, or the TypeError or ValueError; the number of warnings of
        each kind.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function()
        except (TypeError, ValueError) as error:
            result = error
    told = [str(warning.message) for warning in caught]
    return result, [sum(kind in text for text in told) for kind in kinds]


def assert_same_attributes(ours, theirs, *, differ):
    """Asserts that a flow has what Keras's has, or says why it has not.

    Args:
        ours: The flow.
        theirs: Keras's iterator.
        differ: Names of attributes whose values need not be equal.
    """
    compared = 0
    for name in dir(theirs):
        if name.startswith("_") or not hasattr(theirs, name):
            continue
        value = getattr(theirs, name)
        if inspect.ismethod(value):
            continue
        try:
            actual = getattr(ours, name)
        except AttributeError as error:
            assert f"{name!r}: " in str(error)  # and the reason
            continue
        if name not in differ:
            np.testing.assert_array_equal(actual, value, name)
            assert isinstance(actual, type(value)), name
            compared += 1
    assert compared


def assert_same_batches(ours, theirs, *, rtol=1e-7, atol):
    """Asserts that one epoch is Keras's: by index, by `next`, as a dataset.

    Args:
        ours: The flow, before its first batch.
        theirs: Keras's iterator, not shuffled.
        rtol: Relative tolerance of numbers.
        atol: Absolute tolerance of numbers.
    """
    assert len(ours) == len(theirs)
    for step, element in enumerate(ours.dataset):
        expected = theirs[step]
        for actual in (ours[step], next(ours)):
            assert type(actual) is type(expected)
            assert len(actual) == len(expected)
            for a, e in _leaves(actual, expected):
                assert a.dtype == e.dtype
                assert a.shape == e.shape
                _assert_close(a, e, rtol, atol)
        for a, e in _leaves(element, expected):
            _assert_close(a.numpy(), e, rtol, atol)


def _leaves(actual, expected):
    return zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True)


def _assert_close(actual, expected, rtol, atol):
    if expected.dtype.kind == "U":
        # Tensors hold text as bytes.
        np.testing.assert_array_equal(actual.astype(str), expected)
    else:
        np.testing.assert_allclose(actual, expected, rtol, atol)
