"""The loading of one file, against Keras, PIL and TensorFlow."""

import io
import json
import pathlib

from PIL import Image
import keras
import numpy as np
import pytest
import tensorflow as tf

from xray_tfds.decode import images
from xray_tfds.decode import png


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


def _resize(data, **options):
    return images.convert_and_resize(Image.open(io.BytesIO(data)), **options)


@pytest.mark.parametrize("color_mode", images.COLOR_MODES)
@pytest.mark.parametrize("name", _FILES)
def test_image_of_any_mode_equals_keras(name, color_mode, tmp_path):
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
            actual = _resize(
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


def test_image_equals_what_was_recorded_from_keras():
    path = pathlib.Path(__file__).parents[2] / "golden" / "loading.npz"
    with np.load(path) as arrays:
        cases = json.loads(bytes(arrays["manifest"]))["load"]
        for case in cases:
            actual = _resize(
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


def test_image_without_size_keeps_it():
    assert _resize(_FILES["bmp"]).shape == (37, 53, 1)


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
    data = png.encode(pixels)
    np.testing.assert_array_equal(tf.io.decode_png(data).numpy(), pixels)
    decoded = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decoded.reshape(pixels.shape), pixels)


def _scene(width, height):
    """The same picture at any size: waves as fine as its pixels allow."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (900, 1200), np.uint8)
    return Image.fromarray(pixels).resize(
        (width, height), Image.Resampling.LANCZOS
    )


@pytest.mark.parametrize("fit", images.FITS)
@pytest.mark.parametrize("image_size", [(64, 64), (48, 80), (81, 33)], ids=str)
@pytest.mark.parametrize("effective_size", [33, 64, 200])
def test_harmonize_fills_the_size_asked_for(fit, image_size, effective_size):
    for size in ((301, 200), (200, 301), (250, 250)):
        pixels = images.harmonize(
            _scene(*size).convert("RGB"),
            image_size=image_size,
            fit=fit,
            effective_size=effective_size,
        )
        assert pixels.shape == (*image_size, 1)
        assert pixels.dtype == np.uint8


def test_harmonize_pads_with_black_on_both_sides():
    white = Image.new("L", (400, 200), 255)
    options = {"image_size": (64, 64), "effective_size": 100}
    padded = images.harmonize(white, fit="pad", **options)[..., 0]
    np.testing.assert_array_equal(padded[16:48], 255)
    assert not padded[:16].any() and not padded[48:].any()
    tall = images.harmonize(white.rotate(90, expand=True), fit="pad", **options)
    np.testing.assert_array_equal(tall[..., 0], padded.T)


def test_harmonize_crops_to_the_centre():
    image = Image.new("L", (400, 200), 255)
    # Wider than the box: the filter looks a few pixels beyond it.
    image.paste(100, (90, 0, 310, 200))
    cropped = images.harmonize(
        image, image_size=(64, 64), fit="crop", effective_size=100
    )
    np.testing.assert_array_equal(cropped, 100)


def test_harmonize_is_pils_reduction_then_pils_resizing():
    image = _scene(300, 200)
    lanczos = Image.Resampling.LANCZOS
    expected = image.resize((90, 90), lanczos, box=(50, 0, 250, 200))
    actual = images.harmonize(
        image, image_size=(120, 120), fit="crop", effective_size=90
    )
    np.testing.assert_array_equal(
        actual[..., 0], expected.resize((120, 120), lanczos)
    )


def _fine_detail(pixels):
    """Power above .35 cycles per pixel, in decibels."""
    power = np.abs(np.fft.fft2(pixels - pixels.mean())) ** 2
    y = np.fft.fftfreq(pixels.shape[0])[:, np.newaxis]
    x = np.fft.fftfreq(pixels.shape[1])
    return 10 * np.log10(power[np.hypot(y, x) > 0.35].sum())


@pytest.mark.parametrize("fit", images.FITS)
def test_harmonize_hides_how_large_the_original_was(fit):
    options = {"image_size": (96, 128), "fit": fit, "effective_size": 128}
    harmonized = []
    resized = []
    for scale in (1, 1.1, 1.5, 2, 4):
        image = _scene(round(200 * scale), round(150 * scale))
        harmonized.append(
            _fine_detail(images.harmonize(image, **options)[..., 0])
        )
        resized.append(_fine_detail(np.asarray(image.resize((300, 225)))))
    assert np.ptp(harmonized) < 0.5
    assert np.ptp(resized) > 3


@pytest.mark.parametrize(
    "size, fit, expected",
    [
        ((300, 200), "pad", False),
        ((299, 299), "pad", True),
        ((400, 300), "crop", False),
        ((400, 299), "crop", True),
        ((299, 400), "crop", True),
    ],
)
def test_is_below_at_the_exact_size(size, fit, expected):
    options = {"image_size": (64, 64), "fit": fit, "effective_size": 300}
    assert images.is_below(size, **options) == expected


def test_harmonize_with_wrong_arguments_names_them():
    options = {"image_size": (64, 64), "effective_size": 64}
    with pytest.raises(ValueError, match="`fit` must be one of crop, pad"):
        images.harmonize(_scene(90, 90), fit="squash", **options)
    with pytest.raises(ValueError, match="must have 8 bits.*I;16"):
        images.harmonize(Image.new("I;16", (90, 90)), fit="pad", **options)
