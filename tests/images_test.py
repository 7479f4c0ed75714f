"""The loading of one file, against Keras, PIL and TensorFlow."""

import io
import json
import pathlib

from PIL import Image
import keras
import numpy as np
import pytest
import tensorflow as tf

from xray_tfds import images


def _pixels(mode, size=(37, 53), seed=0):
    generator = np.random.default_rng(seed)
    bands = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}[mode]
    pixels = generator.integers(0, 256, (*size, bands), np.uint8)
    return Image.fromarray(pixels.squeeze(), mode)


def _encoded(image, image_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


_FILES = {
    "grey jpeg": _encoded(_pixels("L"), "JPEG"),
    "colour jpeg": _encoded(_pixels("RGB"), "JPEG", subsampling="4:2:0"),
    "progressive jpeg": _encoded(_pixels("RGB"), "JPEG", progressive=True),
    "cmyk jpeg": _encoded(_pixels("CMYK"), "JPEG"),
    "grey png": _encoded(_pixels("L"), "PNG"),
    "palette png": _encoded(_pixels("RGB").quantize(31), "PNG"),
    "alpha png": _encoded(_pixels("RGBA"), "PNG"),
    "grey alpha png": _encoded(_pixels("LA"), "PNG"),
    "1-bit png": _encoded(_pixels("L").convert("1"), "PNG"),
    "16-bit png": _encoded(
        Image.fromarray(np.arange(1961, dtype=np.uint16).reshape(37, 53) * 33),
        "PNG",
    ),
    "bmp": _encoded(_pixels("RGB"), "BMP"),
    "tiff": _encoded(_pixels("L"), "TIFF"),
    "lzw tiff": _encoded(_pixels("RGB"), "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("color_mode", images.COLOR_MODES)
@pytest.mark.parametrize("name", _FILES)
def test_load_image_of_any_mode_equals_keras(name, color_mode, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(_FILES[name])
    for interpolation in images.INTERPOLATIONS:
        for keep_aspect_ratio in (False, True):
            expected = np.asarray(
                keras.utils.load_img(
                    path,
                    color_mode=color_mode,
                    target_size=(24, 31),
                    interpolation=interpolation,
                    keep_aspect_ratio=keep_aspect_ratio,
                )
            )
            actual = images.load_image(
                _FILES[name],
                color_mode=color_mode,
                image_size=(24, 31),
                interpolation=interpolation,
                keep_aspect_ratio=keep_aspect_ratio,
            )
            channels = images.COLOR_MODES[color_mode]
            assert actual.shape == (24, 31, channels)
            assert actual.dtype == expected.dtype
            np.testing.assert_array_equal(actual.squeeze(), expected.squeeze())


def test_load_image_equals_what_was_recorded_from_keras():
    path = pathlib.Path(__file__).parent / "golden" / "loading.npz"
    with np.load(path) as arrays:
        cases = json.loads(bytes(arrays["manifest"]))["load"]
        for case in cases:
            actual = images.load_image(
                arrays[case["bytes"]].tobytes(),
                color_mode=case["color_mode"],
                image_size=case["target_size"],
                interpolation=case["interpolation"],
                keep_aspect_ratio=case["keep_aspect_ratio"],
            )
            expected = arrays[case["x"]]
            np.testing.assert_array_equal(actual, expected, str(case))
            assert actual.dtype == expected.dtype
    assert len(cases) == 82


def test_load_image_without_size_keeps_it():
    assert images.load_image(_FILES["bmp"]).shape == (37, 53, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no image at all",
        _FILES["grey jpeg"][:400],
        _FILES["grey png"][:600],
        _FILES["tiff"][:200],
        _encoded(_pixels("L"), "GIF"),
    ],
    ids=["empty", "text", "cut jpeg", "cut png", "cut tiff", "gif"],
)
def test_load_image_of_bad_content_raises_image_error(data):
    with pytest.raises(images.ImageError):
        images.load_image(data)


@pytest.mark.parametrize("name", _FILES)
def test_sniff_format_agrees_with_pil(name):
    expected = Image.open(io.BytesIO(_FILES[name])).format
    assert images.sniff_format(_FILES[name]) == expected


@pytest.mark.parametrize(
    "text",
    [b"", b"BMI and other notes on it", b"P5", b"P6 patients", b"GIF89a.."],
)
def test_sniff_format_of_text_is_none(text):
    assert images.sniff_format(text) is None


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (300, 301)], ids=str)
def test_encode_png_is_read_back_by_tensorflow_and_pil(size, channels):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (*size, channels), np.uint8)
    data = images.encode_png(pixels)
    np.testing.assert_array_equal(tf.io.decode_png(data).numpy(), pixels)
    decoded = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decoded.reshape(pixels.shape), pixels)
