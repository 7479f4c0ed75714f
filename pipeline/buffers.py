"""Images of a whole split in host memory, never twice."""

from typing import Any

import numpy as np
import tensorflow as tf

_ALIGNMENT = 64  # bytes; TensorFlow aborts on less


def permute_in_place(array, order):
    """Makes `array[i]` the former `array[order[i]]`, with one spare row.

    A copy would double the memory that the budget promises to keep.
    """
    pending: Any = np.ones(len(order), bool)
    for first in range(len(order)):
        if not pending[first]:
            continue
        spare = array[first].copy()
        slot = first
        while order[slot] != first:
            array[slot] = array[order[slot]]
            pending[slot] = False
            slot = order[slot]
        array[slot] = spare
        pending[slot] = False


def empty_aligned(shape):
    """Returns an uninitialised uint8 array that TensorFlow can adopt."""
    size = int(np.prod(shape))
    buffer: Any = np.empty(size + _ALIGNMENT, np.uint8)
    offset = -buffer.ctypes.data % _ALIGNMENT
    return buffer[offset : offset + size].reshape(shape)


def adopt(images):
    """Returns an aligned array as a host tensor that shares its memory.

    `tf.convert_to_tensor` copies: twice the budget, for a moment.
    """
    return tf.experimental.dlpack.from_dlpack(images.__dlpack__())
