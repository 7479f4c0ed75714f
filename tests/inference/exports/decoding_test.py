"""Films that a graph decodes, against those of the builder."""

import io
import struct
import zlib

from PIL import Image
import numpy as np
import pytest
import tensorflow as tf

from inference.exports import decoding
from tests.helpers import image_trees
import xray_tfds
from xray_tfds.curate import examine
from xray_tfds.decode import errors

_CONFIGS = {
    "bilinear": {},
    "nearest": {"interpolation": "nearest"},
    "rgb": {"color_mode": "rgb", "interpolation": "lanczos"},
    "cut": {"keep_aspect_ratio": True, "interpolation": "box"},
    "pad": {"harmonize": "pad"},
    "crop": {"harmonize": "crop", "effective_size": 50},
}


def make_decoder(name):
    config = xray_tfds.XrayConfig(image_size=(96, 80), **_CONFIGS[name])
    spec = tf.TensorSpec([None], tf.string)
    decode = decoding.make_decoder(config)
    return config, tf.function(decode, input_signature=[spec], autograph=False)


@pytest.fixture(scope="module", params=_CONFIGS)
def decoder(request):
    return make_decoder(request.param)


@pytest.fixture(scope="module")
def grey_decoder():
    return make_decoder("bilinear")


def encode(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def draw(height=203, width=177):
    rng = np.random.default_rng(height)
    small = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    smooth = small.resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.integers(-9, 10, (height, width, 3))
    pixels = np.clip(np.asarray(smooth, int) + noise, 0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def deep(highest):
    """Returns grey of 16 bits that ends at a value."""
    grey = np.asarray(draw().convert("L"), np.float64)
    values = (grey / grey.max() * highest).astype(np.uint16)
    return Image.fromarray(values)


def with_alpha():
    image = draw()
    image.putalpha(draw().convert("L"))
    return image


def deep_with_alpha(highest):
    """Returns a PNG of grey and alpha in 16 bits, which PIL does not write."""
    grey = np.asarray(deep(highest))
    values = np.stack([grey, np.full_like(grey, 65535)], axis=-1).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", *grey.shape[::-1], 16, 4, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        )
    )


_FILES = {
    "grey JPEG": lambda: encode(draw().convert("L"), "JPEG", quality=88),
    "JPEG": lambda: encode(draw(), "JPEG"),
    "JPEG 4:4:4": lambda: encode(draw(), "JPEG", subsampling=0),
    "progressive": lambda: encode(draw(), "JPEG", progressive=True),
    "CMYK": lambda: encode(draw().convert("CMYK"), "JPEG"),
    "grey PNG": lambda: encode(draw().convert("L"), "PNG"),
    "PNG": lambda: encode(draw(), "PNG"),
    "grey with alpha": lambda: encode(draw().convert("LA"), "PNG"),
    "alpha": lambda: encode(with_alpha(), "PNG"),
    "palette": lambda: encode(draw().quantize(200), "PNG"),
    "transparent": lambda: encode(draw().quantize(200), "PNG", transparency=3),
    "4 bits": lambda: encode(draw().quantize(12), "PNG", bits=4),
    "1 bit": lambda: encode(draw().convert("1"), "PNG"),
    "8 of 16 bits": lambda: encode(deep(200), "PNG"),
    "10 of 16 bits": lambda: encode(deep(1023), "PNG"),
    "12 of 16 bits": lambda: encode(deep(4000), "PNG"),
    "14 of 16 bits": lambda: encode(deep(5000), "PNG"),
    "16 bits": lambda: encode(deep(65535), "PNG"),
    "16 bits with alpha": lambda: deep_with_alpha(65535),
    "grey BMP": lambda: encode(draw().convert("L"), "BMP"),
    "BMP": lambda: encode(draw(), "BMP"),
    "palette in BMP": lambda: encode(draw().quantize(77), "BMP"),
    "32 bits in BMP": lambda: encode(with_alpha(), "BMP"),
    "enlarged": lambda: encode(draw(61, 59), "PNG"),
    "as large": lambda: encode(draw(96, 80), "PNG"),
}


def test_pixels_are_those_of_a_record(decoder):
    config, decode = decoder
    data = {name: make() for name, make in _FILES.items()}
    # One call, of films of many sizes.
    for name, pixels in zip(data, decode(list(data.values())).numpy()):
        image = examine.decode(data[name], config).image
        expected = examine.make_pixels(image, config)
        np.testing.assert_array_equal(pixels, expected, err_msg=name)


def _mixed_inks():
    image = draw().convert("CMYK")
    black = draw().convert("L").point(lambda level: level // 2)
    return encode(Image.merge("CMYK", (*image.split()[:3], black)), "JPEG")


def _without_adobe(data):
    at = data.index(b"\xff\xee")
    (length,) = struct.unpack(">H", data[at + 2 : at + 4])
    return data[:at] + data[at + 2 + length :]


def test_inks_that_two_programs_read_otherwise_are_refused(grey_decoder):
    """PIL takes all CMYK for Adobe's; TensorFlow shows a negative."""
    config, decode = grey_decoder
    data = _mixed_inks()
    expected, other = (
        examine.make_pixels(examine.decode(each, config).image, config)
        for each in (data, _without_adobe(data))
    )
    np.testing.assert_array_equal(other, expected)
    np.testing.assert_allclose(decode([data])[0], expected, atol=1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="marker of Adobe"):
        decode([_without_adobe(data)])


def _cut(data):
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "must be JPEG, PNG or BMP"),
        (b"a text", "must be JPEG, PNG or BMP"),
        (encode(draw(), "TIFF"), "must be JPEG, PNG or BMP"),
        (_cut(encode(draw(), "JPEG")), "JPEG|jpeg|Invalid"),
        (_cut(encode(draw(), "PNG")), "PNG|png|Invalid"),
        (_cut(encode(draw(), "BMP")), "ends early"),
        (encode(draw(), "BMP")[:40], "ends early"),
        (encode(draw().convert("1"), "BMP"), "8, 24 or 32 bits"),
        (encode(Image.new("L", (90, 90), 7), "PNG"), "the same value"),
        (encode(draw(20, 200), "PNG"), "too small"),
        (deep_with_alpha(4095), "values use 14 or fewer"),
    ],
)
def test_what_the_builder_leaves_out_is_an_error(data, message, grey_decoder):
    config, decode = grey_decoder
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode([data])
    # But for what TensorFlow does not read.
    if message not in ("must be JPEG, PNG or BMP", "8, 24 or 32 bits"):
        with pytest.raises(errors.BadFile):
            examine.decode(data, config)


def test_size_is_judged_before_pixels_are_decoded(grey_decoder):
    """A header may promise more than there is memory for."""
    _, decode = grey_decoder
    data = bytearray(encode(draw(), "PNG"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="too many pixels"):
        decode([bytes(data)])
    data = bytearray(encode(draw(), "BMP"))
    data[18:26] = (60_000).to_bytes(4, "little") * 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="too many pixels"):
        decode([bytes(data)])


def test_transparency_is_refused_by_name():
    config = xray_tfds.XrayConfig(color_mode="rgba")
    with pytest.raises(ValueError, match="--format=onnx.*color_mode=rgba"):
        decoding.check(config)


@image_trees.needs_real_images
def test_real_films_have_the_pixels_of_records(grey_decoder):
    config, decode = grey_decoder
    paths = sorted((image_trees.REAL_IMAGES / "originals").glob("*/*"))[::4]
    assert paths
    for path in paths:
        data = path.read_bytes()
        image = examine.decode(data, config).image
        expected = examine.make_pixels(image, config)
        np.testing.assert_array_equal(decode([data])[0], expected, str(path))
