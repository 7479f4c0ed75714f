"""Encoded films -> the pixels that a network is fed, as a graph.

The graph does what `xray_tfds` does with PIL when records are built, for JPEG,
PNG and BMP, and comes to the same pixels: JPEG is decoded with the accurate
integer transform, grey is made of colour with PIL's weights, 16 bits become 8
as `xray_tfds.decode.grey_scale` says, and `resizing` is PIL's. A film that it
cannot decode so ends the call with an error that says why; so does each that
the builder leaves out as too small, too large, constant or cut off. But a JPEG
that lacks pixels and has an end marker all the same shows grey in their place:
TensorFlow's decoder does not tell. Of a PNG of several frames, which the
builder leaves out, it shows the first. `cmyk` says what PIL sees otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from inference.exports import cmyk
from inference.exports import resizing
from xray_tfds import config as config_lib

# Weights of red, green and blue in 16 bits (ITU-R 601-2; Pillow, `Convert.c`).
_LUMA = (19595, 38470, 7471)

# Where what lies in the header of a PNG: ISO/IEC 15948, 11.2.2.
_PNG_SIZE_AT, _PNG_DEPTH_AT = 16, 24
_GREY_OF_16_BITS = b"\x10\x00"
# RGB, grey with alpha, RGBA.
_OTHERS_OF_16_BITS = (b"\x10\x02", b"\x10\x04", b"\x10\x06")

# As in `xray_tfds.decode.grey_scale`: the highest value of 8, 10, ... bits.
_HIGHEST = (255, 1023, 4095, 16383, 65535)

# Colour, and grey with alpha, of 16 bits of which 14 or fewer are used is
# refused, as by `xray_tfds.decode.quality`.
_FEWEST_UPPER_BITS = 64


def check(config: config_lib.XrayConfig) -> None:
    """Raises ValueError where a graph cannot prepare films as a builder did."""
    if config.color_mode == "rgba":
        raise ValueError(
            "The graph of a SavedModel prepares films in grayscale and rgb, "
            "and those of the run have transparency. Take another format, for "
            "which predict.py prepares them: --format=onnx. Received: "
            f"color_mode={config.color_mode}"
        )


def make_decoder(
    config: config_lib.XrayConfig,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns what prepares films as the records of a run were.

    Args:
        config: By which they were.

    Returns:
        Function of a graph, from strings `[n]`, the contents of files, to uint8
        `[n, height, width, channels]`.
    """
    spec = tf.TensorSpec(config.image_shape, tf.uint8)

    def prepare(data: tf.Tensor) -> tf.Tensor:
        image = _convert(_decode(data, config), config.color_mode)
        return tf.ensure_shape(_fit(image, config), spec.shape)

    def decode(files: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(prepare, files, fn_output_signature=spec)

    return decode


def _decode(data: tf.Tensor, config: config_lib.XrayConfig) -> tf.Tensor:
    """Returns uint8 `[height, width, 3]`."""
    is_jpeg = tf.strings.substr(data, 0, 3) == b"\xff\xd8\xff"
    is_png = tf.strings.substr(data, 0, 8) == b"\x89PNG\r\n\x1a\n"
    is_bmp = tf.strings.substr(data, 0, 2) == b"BM"
    known = _require(
        is_jpeg | is_png | is_bmp,
        "image_bytes must be JPEG, PNG or BMP. Films of other types, DICOM "
        "too, are scored by predict.py",
    )
    with tf.control_dependencies([known]):
        pixels = tf.case(
            [
                (is_jpeg, lambda: _decode_jpeg(data, config)),
                (is_png, lambda: _decode_png(data, config)),
            ],
            default=lambda: _decode_bmp(data, config),
        )
    differs = tf.reduce_max(pixels, [0, 1]) != tf.reduce_min(pixels, [0, 1])
    varied = _require(tf.reduce_any(differs), "every pixel has the same value")
    with tf.control_dependencies([varied]):
        return tf.identity(pixels)


def _decode_jpeg(data: tf.Tensor, config: config_lib.XrayConfig) -> tf.Tensor:
    shape = tf.io.extract_jpeg_shape(data)
    checks = _check_size(shape[1], shape[0], config)
    checks += [_require(cmyk.has_no_doubt(data, shape[2]), cmyk.NO_MARKER)]
    with tf.control_dependencies(checks):
        # The default differs between platforms and from PIL, by 27 levels.
        return tf.io.decode_jpeg(
            data, channels=3, dct_method="INTEGER_ACCURATE"
        )


def _decode_png(data: tf.Tensor, config: config_lib.XrayConfig) -> tf.Tensor:
    size = tf.strings.substr(data, _PNG_SIZE_AT, 8)
    size = tf.io.decode_raw(size, tf.int32, little_endian=False)
    with tf.control_dependencies(_check_size(size[0], size[1], config)):
        kind = tf.strings.substr(data, _PNG_DEPTH_AT, 2)
    return tf.cond(
        kind == _GREY_OF_16_BITS,
        lambda: _decode_deep_png(data),
        lambda: _decode_shallow_png(data, kind),
    )


def _decode_deep_png(data: tf.Tensor) -> tf.Tensor:
    """Returns 16 bits of grey in 8: the fewest bits that hold all of them."""
    values = tf.io.decode_png(data, channels=1, dtype=tf.uint16)
    values = tf.cast(values, tf.float64)
    highest = tf.constant(_HIGHEST, tf.float64)
    holds = tf.cast(highest >= tf.reduce_max(values), tf.int32)
    # `tf.round` rounds half to even, as `np.rint` does.
    grey = tf.round(255 * values / tf.gather(highest, tf.argmax(holds)))
    return tf.repeat(tf.cast(grey, tf.uint8), 3, axis=2)


def _decode_shallow_png(data: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    pixels = tf.io.decode_png(data, channels=3)
    is_deep = tf.reduce_any(kind == tf.constant(_OTHERS_OF_16_BITS))
    is_full = tf.cast(tf.reduce_max(pixels), tf.int32) >= _FEWEST_UPPER_BITS
    used = _require(
        is_full | ~is_deep,
        "colour or alpha in 16 bits whose values use 14 or fewer: convert it "
        "to grey of 16 bits",
    )
    with tf.control_dependencies([used]):
        return tf.identity(pixels)


def _decode_bmp(data: tf.Tensor, config: config_lib.XrayConfig) -> tf.Tensor:
    """Returns the pixels of a plain BMP, which TensorFlow reads only in part.

    Its header: Microsoft, BITMAPFILEHEADER and BITMAPINFOHEADER.
    """
    long_enough = _require(tf.strings.length(data) >= 54, "the BMP ends early")
    with tf.control_dependencies([long_enough]):
        header = tf.io.decode_raw(tf.strings.substr(data, 10, 40), tf.int32)
        header = tf.ensure_shape(header, [10])
    start, header_size, width, height = tf.unstack(header[:4])
    depth, compression, used = header[4] // 2**16, header[5], header[9]
    plain = _require(
        (header_size >= 40)
        & (compression == 0)
        & ((depth == 8) | (depth == 24) | (depth == 32)),
        "a BMP must have 8, 24 or 32 bits and no compression: convert it to "
        "PNG",
    )
    rows = tf.abs(height)
    with tf.control_dependencies([plain, *_check_size(width, rows, config)]):
        # Rows begin at multiples of four bytes.
        stride = (width * depth + 31) // 32 * 4
    whole = _require(
        tf.strings.length(data) >= start + stride * rows, "the BMP ends early"
    )
    with tf.control_dependencies([whole]):
        raw = tf.strings.substr(data, start, stride * rows)
    channels = depth // 8
    values = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [rows, stride])
    values = tf.reshape(values[:, : width * channels], [rows, width, channels])
    # The last row comes first, unless the height is negative.
    values = tf.cond(height > 0, lambda: values[::-1], lambda: values)
    bgr = tf.cond(
        depth == 8,
        lambda: _look_up(data, values[..., 0], 14 + header_size, used),
        lambda: values[..., :3],
    )
    return bgr[..., ::-1]


def _look_up(
    data: tf.Tensor, indices: tf.Tensor, start: tf.Tensor, used: tf.Tensor
) -> tf.Tensor:
    """Returns the colours of a palette: blue, green, red and a free byte."""
    size = tf.where(used == 0, 256, used)
    palette = tf.io.decode_raw(
        tf.strings.substr(data, start, 4 * size), tf.uint8
    )
    colours = tf.reshape(palette, [-1, 4])[:, :3]
    return tf.gather(colours, tf.cast(indices, tf.int32))


def _check_size(
    width: tf.Tensor, height: tf.Tensor, config: config_lib.XrayConfig
) -> list[tf.Operation]:
    """Returns the checks of a size, to be made before anything is decoded."""
    pixels = tf.cast(width, tf.int64) * tf.cast(height, tf.int64)
    checks = [
        _require(
            (pixels <= config.max_image_pixels)
            & (width <= config.max_image_pixels),
            "too many pixels",
        ),
        _require(
            tf.minimum(width, height) >= config.min_image_size, "too small"
        ),
    ]
    if config.harmonize != "none":
        sides = (width, height)
        if config.harmonize == "crop":
            left, top, right, bottom = _aspect_box(width, height, config)
            sides = (right - left, bottom - top)
        least = tf.minimum if config.harmonize == "crop" else tf.maximum
        checks.append(
            _require(
                least(*sides) >= config.common_size,
                "too small to be reduced to the effective size of the run",
            )
        )
    return checks


def _require(condition: tf.Tensor, text: str) -> tf.Operation:
    return tf.debugging.Assert(condition, [text])


def _convert(pixels: tf.Tensor, color_mode: str) -> tf.Tensor:
    """Returns uint8 `[height, width, channels]` in a colour mode."""
    if color_mode == "rgb":
        return pixels
    weights = tf.constant(_LUMA)
    grey = tf.reduce_sum(tf.cast(pixels, tf.int32) * weights, -1, keepdims=True)
    return tf.cast((grey + 2**15) // 2**16, tf.uint8)


def _fit(image: tf.Tensor, config: config_lib.XrayConfig) -> tf.Tensor:
    """Brings an image to the size of a record."""
    shape = tf.shape(image)
    aspect = _aspect_box(shape[1], shape[0], config)
    if config.harmonize != "none":
        is_crop = config.harmonize == "crop"
        box = aspect if is_crop else resizing.whole(image)
        return _harmonize(image, box, config)
    box = aspect if config.keep_aspect_ratio else resizing.whole(image)
    return resizing.resize(image, config.image_size, config.interpolation, box)


def _aspect_box(
    width: tf.Tensor, height: tf.Tensor, config: config_lib.XrayConfig
) -> resizing.Box:
    """Returns the largest centred box of the aspect of a record."""
    target_height, target_width = config.image_size
    crop_height = tf.minimum(height, width * target_height // target_width)
    crop_width = tf.minimum(width, height * target_width // target_height)
    top = (height - crop_height) // 2
    left = (width - crop_width) // 2
    return (left, top, left + crop_width, top + crop_height)


def _harmonize(
    image: tf.Tensor, box: resizing.Box, config: config_lib.XrayConfig
) -> tf.Tensor:
    """Brings an image to one resolution, as `images.harmonize` does."""
    left, top, right, bottom = box
    height, width = config.image_size
    shape: tuple[Any, Any] = (bottom - top, right - left)
    if config.harmonize == "crop":
        shape = (height, width)
    sides = [tf.cast(side, tf.float64) for side in shape]
    least = tf.minimum if config.harmonize == "crop" else tf.maximum
    reduced_size = _scaled(sides, config.common_size / least(*sides))
    reduced = resizing.resize(image, reduced_size, "lanczos", box)
    sides = [tf.cast(side, tf.float64) for side in reduced_size]
    inner = tuple(map(tf.constant, config.image_size))
    if config.harmonize == "pad":
        inner = _scaled(sides, tf.minimum(width / sides[1], height / sides[0]))
    whole = resizing.whole(reduced)
    resized = resizing.resize(reduced, inner, "lanczos", whole)
    margins = [
        ((side - own) // 2, side - own - (side - own) // 2)
        for side, own in zip(config.image_size, inner)
    ]
    return tf.pad(resized, [*margins, (0, 0)])


def _scaled(sides: list[tf.Tensor], scale: tf.Tensor) -> tuple[Any, Any]:
    """Returns int32 `(height, width)`, at least 1."""
    height, width = (
        tf.cast(tf.maximum(tf.round(side * scale), 1), tf.int32)
        for side in sides
    )
    return height, width
