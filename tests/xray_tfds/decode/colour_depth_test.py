"""Colour of 16 bits, of which PIL keeps 8."""

import struct
import zlib

import numpy as np
import pytest

from xray_tfds.decode import quality


def _values(top):
    generator = np.random.default_rng(0)
    values = generator.integers(0, top, (40, 50), endpoint=True)
    values[0, :2] = (0, top)
    return values.astype("u2")


def _png_of_16_bits(values, colour_type):
    """A PNG of 16 bits, which PIL does not write in colour."""
    height, width, _ = values.shape
    rows = [b"\0" + row.astype(">u2").tobytes() for row in values]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        (b"IDAT", zlib.compress(b"".join(rows))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


@pytest.mark.parametrize("bands, colour_type", [(2, 4), (3, 2), (4, 6)])
def test_colour_of_16_bits_is_not_cut_to_some_levels(bands, colour_type):
    values = np.repeat(_values(65535)[..., np.newaxis], bands, axis=-1)
    decoded = quality.decode(_png_of_16_bits(values, colour_type))
    np.testing.assert_array_equal(
        np.asarray(decoded.image)[..., 0], values[..., 0] >> 8
    )
    film = np.repeat(_values(4095)[..., np.newaxis], bands, axis=-1)
    if bands in (2, 4):
        film[..., -1] = 65535
    with pytest.raises(quality.BadFile, match="end below 4096: .* Convert it"):
        quality.decode(_png_of_16_bits(film, colour_type))
