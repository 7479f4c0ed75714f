"""One file's bytes -> verified pixels -> the PNG that a record stores.

Decoding, colour conversion and resizing are PIL's, in the order and with the
arguments of `keras.utils.load_img`, so that the pixels are those a user of
`flow_from_directory` has today. They happen once, when the dataset is built:
no TensorFlow operation reproduces PIL's filters.
"""

import io
import struct
import zlib

from PIL import Image
import numpy as np

# Colour mode -> number of channels; the names of `keras.utils.load_img`.
COLOR_MODES = {"grayscale": 1, "rgb": 3, "rgba": 4}

# Interpolation -> PIL filter; the names of `keras.utils.load_img`. All but
# `nearest` are area-aware (antialiased) when they shrink an image.
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "hamming": Image.Resampling.HAMMING,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}

# PIL's names of the formats a folder may hold, judged by content.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "PPM")

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)

# Sizes of the information header of a BMP: OS/2 1, Windows 3, the two
# undocumented extensions of it, OS/2 2, Windows 4 and 5.
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)

# PNG colour type of an image with so many channels: grey, RGB, RGBA
# (ISO/IEC 15948, table 11.1).
_PNG_COLOR_TYPES = {1: 0, 3: 2, 4: 6}


class ImageError(ValueError):
    """A file whose content is not an image that can be used."""


def sniff_format(data):
    """Returns which of `FORMATS` the bytes begin like, or `None`."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    # "BM" and "P5" begin many a text, so more of the header has to agree.
    if data[:2] == b"BM" and len(data) >= 18:
        (header_size,) = struct.unpack("<I", data[14:18])
        return "BMP" if header_size in _BMP_HEADER_SIZES else None
    if data[:2] in (b"P5", b"P6") and data[2:3].isspace():
        return "PPM" if data[3:4].isdigit() or data[3:4] == b"#" else None
    return None


def load_image(
    data,
    *,
    color_mode="grayscale",
    image_size=None,
    interpolation="nearest",
    keep_aspect_ratio=False,
):
    """Decodes a file as `keras.utils.load_img` does, without reading it.

    Args:
        data: Content of the file, bytes.
        color_mode: One of `COLOR_MODES`.
        image_size: `(height, width)` in pixels, or `None` to keep the size.
        interpolation: One of `INTERPOLATIONS`, used if the size changes.
        keep_aspect_ratio: Whether to cut the largest centred box of the
            target's aspect out of the image first, instead of distorting it.

    Returns:
        `[height, width, channels]`: uint8; for 16- and 32-bit grey images in
        colour mode `grayscale` uint16 and int32, which PIL leaves unconverted.

    Raises:
        ImageError: If the bytes cannot be decoded completely.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        image = _convert(image, color_mode)
    except Exception as error:
        # PIL's decoders raise whatever a corrupt header leads them to
        # (OSError, SyntaxError, struct.error, DecompressionBombError, ...).
        reason = str(error) or type(error).__name__
        if isinstance(error, Image.UnidentifiedImageError):
            reason = "its content is not that of " + ", ".join(FORMATS)
        raise ImageError(reason) from error
    if image_size is not None:
        image = _resize(image, image_size, interpolation, keep_aspect_ratio)
    pixels = np.asarray(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _convert(image, color_mode):
    if color_mode == "grayscale":
        # Keras keeps 16- and 32-bit grey values as they are.
        if image.mode not in ("L", "I;16", "I"):
            return image.convert("L")
    elif image.mode != color_mode.upper():
        return image.convert(color_mode.upper())
    image.load()
    return image


def _resize(image, image_size, interpolation, keep_aspect_ratio):
    height, width = image_size
    if image.size == (width, height):
        return image
    box = _aspect_box(image.size, image_size) if keep_aspect_ratio else None
    return image.resize((width, height), INTERPOLATIONS[interpolation], box=box)


def _aspect_box(size, image_size):
    """Returns the largest centred box of the target's aspect, as in Keras."""
    width, height = size
    target_height, target_width = image_size
    crop_height = min(height, (width * target_height) // target_width)
    crop_width = min(width, (height * target_width) // target_height)
    top = (height - crop_height) // 2
    left = (width - crop_width) // 2
    return (left, top, left + crop_width, top + crop_height)


def encode_png(pixels):
    """Encodes pixels as a PNG without filter and compression.

    The file is twice as large as a compressed PNG of the same film, and
    TensorFlow decodes it five times as fast: what is left to do is a copy and
    two checksums (`benchmarks/encoding.py`). PIL cannot write it: it filters
    the rows even at compression level 0, which costs half of the gain.

    Args:
        pixels: uint8 `[height, width, channels]` with 1, 3 or 4 channels.

    Returns:
        The bytes of a PNG that any reader decodes to exactly `pixels`.
    """
    height, width, channels = pixels.shape
    # Every row begins with the number of its filter: 0, none.
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = pixels.reshape(height, width * channels)
    header = struct.pack(
        ">IIBBBBB", width, height, 8, _PNG_COLOR_TYPES[channels], 0, 0, 0
    )
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _png_chunk(b"IHDR", header),
            _png_chunk(b"IDAT", zlib.compress(rows.tobytes(), level=0)),
            _png_chunk(b"IEND", b""),
        ]
    )


def _png_chunk(name, data):
    checksum = zlib.crc32(data, zlib.crc32(name))
    return (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
    )
