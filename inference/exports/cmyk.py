"""JPEG in CMYK, which Adobe's programs store as if no ink were all of it.

They say so by a marker of their own (APP14). PIL takes all of CMYK for theirs,
TensorFlow only what has the marker: it shows a film that lacks it nearly as a
negative. And the two round the product of a colour and black otherwise, so that
pixels of mixed inks differ by a grey level.
"""

from __future__ import annotations

import tensorflow as tf

NO_MARKER = (
    "a JPEG in CMYK without the marker of Adobe is shown as a negative: "
    "convert it to PNG"
)

_CHANNELS = 4

# The marker, the length of what follows, and the name that this begins with.
_MARKER = {0: 0xFF, 1: 0xEE, **dict(enumerate(b"Adobe", start=4))}


def has_no_doubt(data: tf.Tensor, channels: tf.Tensor) -> tf.Tensor:
    """Returns whether PIL and TensorFlow read the same colours.

    Args:
        data: Content of a JPEG, a string.
        channels: How many its header promises.
    """
    return tf.cond(
        channels == _CHANNELS, lambda: _has_marker(data), lambda: True
    )


def _has_marker(data: tf.Tensor) -> tf.Tensor:
    values = tf.io.decode_raw(data, tf.uint8)
    # It lies before the pixels, among which 255 is followed by 0 or 208 to 215.
    number = tf.shape(values)[0] - max(_MARKER)
    found = tf.fill([number], True)
    for place, value in _MARKER.items():
        found &= values[place : place + number] == value
    return tf.reduce_any(found)
