"""Images of a whole split in host memory, never twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

_ALIGNMENT = 64  # bytes; TensorFlow aborts on less


def permute_in_place(array: npt.NDArray[Any], order: Sequence[int]) -> None:
    """Makes `array[i]` the former `array[order[i]]`, with one spare row.

    A copy would double the memory that the budget promises to keep.
    """
    pending: npt.NDArray[np.bool_] = np.ones(len(order), bool)
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


def empty_aligned(
    shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8
) -> npt.NDArray[Any]:
    """Returns an uninitialised array that TensorFlow can adopt."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer: npt.NDArray[np.uint8] = np.empty(size + _ALIGNMENT, np.uint8)
    offset = -buffer.ctypes.data % _ALIGNMENT
    return buffer[offset : offset + size].view(dtype).reshape(shape)


def adopt(images: npt.NDArray[Any]) -> tf.Tensor:
    """Returns an aligned array as a host tensor that shares its memory.

    `tf.convert_to_tensor` copies: twice the budget, for a moment.
    """
    # Experimental since TensorFlow 2.3, and still in 2.21. Where it is gone,
    # images are the same, and copied.
    dlpack = getattr(tf.experimental, "dlpack", None)
    if dlpack is None:
        with tf.device("CPU:0"):
            return tf.convert_to_tensor(images)
    return dlpack.from_dlpack(images.__dlpack__())
