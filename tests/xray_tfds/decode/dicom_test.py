"""DICOM decoding, against pydicom's own LUTs and the formulas of PS3.3."""

import io

import numpy as np
import pytest

from xray_tfds.decode import quality

pydicom = pytest.importorskip("pydicom")

from tests.helpers import dicom_files  # noqa: E402


def _pixels(ds):
    return np.asarray(quality.decode(dicom_files.written(ds)).image)


_SIGNED = np.random.default_rng(1).integers(-2048, 2048, (40, 56), np.int16)
_RESCALE = {"RescaleSlope": 2.5, "RescaleIntercept": -1024}
_WINDOW = {"WindowCenter": 1800.5, "WindowWidth": 2000}
_CURVE = (np.linspace(0, 1, 4096) ** 0.7 * 1023).astype(np.uint16)

# Elements -> values, and the lowest and highest that the last step can give.
_GREY_SCALES = {
    "nothing": ({}, None, (0, 4095)),
    "rescale": (_RESCALE, None, (-1024, 4095 * 2.5 - 1024)),
    "signed": ({}, _SIGNED, (-2048, 2047)),
    "window": (_WINDOW, None, (0, 4095)),
    "several windows": (
        {"WindowCenter": [1800, 300], "WindowWidth": [2000, 90]},
        None,
        (0, 4095),
    ),
    "exact window": (
        {**_WINDOW, "VOILUTFunction": "LINEAR_EXACT"},
        None,
        (0, 4095),
    ),
    "sigmoid": ({**_WINDOW, "VOILUTFunction": "SIGMOID"}, None, (0, 4095)),
    "signed window": (
        {"WindowCenter": -40, "WindowWidth": 900},
        _SIGNED,
        (-2048, 2047),
    ),
    "rescale, window": (
        {**_RESCALE, **_WINDOW},
        None,
        (-1024, 4095 * 2.5 - 1024),
    ),
    "voi lut": (
        {"VOILUTSequence": dicom_files.lut(_CURVE, 0, 10)},
        None,
        (0, 1023),
    ),
    "short voi lut": (
        {"VOILUTSequence": dicom_files.lut(_CURVE[:900], 700, 10)},
        None,
        (0, 1023),
    ),
    "voi lut, window": (
        {"VOILUTSequence": dicom_files.lut(_CURVE, 0, 10), **_WINDOW},
        None,
        (0, 1023),
    ),
    "modality lut, window": (
        {
            "ModalityLUTSequence": dicom_files.lut(_CURVE * 4, 0, 16),
            "RescaleType": "US",
            **_WINDOW,
        },
        None,
        (0, 65535),
    ),
}


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("name", _GREY_SCALES)
def test_grey_scale_equals_pydicoms(name, photometric):
    elements, values, (low, high) = _GREY_SCALES[name]
    ds = dicom_files.dataset(
        values, PhotometricInterpretation=photometric, **elements
    )
    read = pydicom.dcmread(io.BytesIO(dicom_files.written(ds)))
    voi = pydicom.pixels.apply_voi_lut(
        pydicom.pixels.apply_modality_lut(read.pixel_array, read), read
    )
    expected = np.rint(255 * (voi.astype(np.float64) - low) / (high - low))
    if photometric == "MONOCHROME1":
        expected = 255 - expected
    # A value in the middle between two levels may go to either.
    difference = np.abs(_pixels(ds) - expected)
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3
    assert len(np.unique(expected)) > 50


def test_window_follows_the_standards_formula():
    # PS3.3, C.11.2.1.2.1, with center c and width w.
    center, width = 1800.5, 2000
    ds = dicom_files.dataset(WindowCenter=center, WindowWidth=width)
    x = ds.pixel_array.astype(np.float64)
    y = ((x - (center - 0.5)) / (width - 1) + 0.5) * 255
    np.testing.assert_array_equal(_pixels(ds), np.rint(np.clip(y, 0, 255)))


def test_voi_lut_of_many_8_bit_entries_is_looked_up():
    # pydicom 3.0.2 fails at more than 256 entries of 8 bits.
    curve = (np.linspace(0, 1, 4096) ** 0.7 * 255).astype(np.uint16)
    ds = dicom_files.dataset(VOILUTSequence=dicom_files.lut(curve, 0, 8))
    np.testing.assert_array_equal(_pixels(ds), curve[ds.pixel_array])
    packed = dicom_files.lut(curve, 0, 8)
    packed[0].LUTData = curve.astype(np.uint8).tobytes()
    ds.VOILUTSequence = packed
    np.testing.assert_array_equal(_pixels(ds), curve[ds.pixel_array])


def test_voi_lut_starts_at_its_first_mapped_value():
    ds = dicom_files.dataset(
        _SIGNED, VOILUTSequence=dicom_files.lut(np.arange(1000) * 4, -500, 12)
    )
    steps = np.clip(_SIGNED.astype(np.int64) + 500, 0, 999) * 4
    np.testing.assert_array_equal(_pixels(ds), np.rint(255 * steps / 4095))


@pytest.mark.parametrize("elements", [{}, _WINDOW], ids=["plain", "window"])
def test_negative_slope_shows_the_lowest_value_as_black(elements):
    ds = dicom_files.dataset(RescaleSlope=-1, RescaleIntercept=4095, **elements)
    pixels = _pixels(ds)
    assert pixels[ds.pixel_array > 4090].max() <= 1
    assert pixels[ds.pixel_array < 5].min() >= 254


@pytest.mark.parametrize("bits, dtype", [(8, np.uint8), (16, np.uint16)])
def test_full_bit_depths_are_scaled(bits, dtype):
    generator = np.random.default_rng(0)
    values = generator.integers(0, 2**bits, (40, 56)).astype(dtype)
    expected = np.rint(values / (2**bits - 1) * 255)
    np.testing.assert_array_equal(
        _pixels(dicom_files.dataset(values, bits=bits)), expected
    )


def test_empty_window_and_function_are_as_none():
    ds = dicom_files.dataset(
        WindowCenter=None, WindowWidth=None, VOILUTFunction=""
    )
    np.testing.assert_array_equal(_pixels(ds), _pixels(dicom_files.dataset()))
    ds = dicom_files.dataset(VOILUTFunction="", **_WINDOW)
    np.testing.assert_array_equal(
        _pixels(ds), _pixels(dicom_files.dataset(**_WINDOW))
    )


@pytest.mark.parametrize(
    "values, bits, low, high",
    [
        (np.arange(4096), 16, 0, 4095),
        (np.arange(1, 1000), 16, 0, 1023),
        (np.arange(3000, 5240), 14, 0, 16383),
        (np.arange(300), 12, 0, 1023),
        (np.arange(-100, 1900), 16, -2048, 2047),
        (np.arange(0, 2048), 12, 0, 2047),
        (np.arange(0, 4096), 16, 0, 4095),
    ],
    ids=["12_of_16", "10_of_16", "all_14", "10_of_12", "signed"]
    + ["positive_half_of_signed", "12_of_signed_16"],
)
@pytest.mark.parametrize("elements", [{}, _RESCALE], ids=["plain", "rescale"])
def test_part_of_the_declared_range_is_scaled(
    values, bits, low, high, elements, request
):
    signed = "signed" in request.node.callspec.id
    values = np.resize(values, (40, 56)).astype("i2" if signed else "u2")
    ds = dicom_files.dataset(values, bits=bits, **elements)
    decoded = quality.decode(dicom_files.written(ds))
    exact = 255 * (values - np.float64(low)) / (high - low)
    np.testing.assert_allclose(decoded.image, exact, atol=0.501)
    declared = (-(2 ** (bits - 1)) if signed else 0, 2 ** (bits - signed) - 1)
    assert decoded.grey_part == (
        f"{low} to {high} of {declared[0]} to {declared[1]}"
        if (low, high) != declared
        else ""
    )


@pytest.mark.parametrize(
    "dtype, padding",
    [
        ("u2", {"PixelPaddingValue": 65535}),
        ("u2", {"PixelPaddingValue": 65535, "PixelPaddingRangeLimit": 60000}),
        ("i2", {"PixelPaddingValue": -32768}),
    ],
    ids=["unsigned", "range", "signed"],
)
def test_padding_does_not_count_for_the_range_of_a_film(dtype, padding):
    """Beside its highest value a film of 12 bits was left with 17 levels."""
    half = 2048 * (dtype == "i2")
    values = (np.resize(np.arange(4096), (40, 56)) - half).astype(dtype)
    values[:5] = padding["PixelPaddingValue"]
    ds = dicom_files.dataset(values, bits=16, **padding)
    exact = 255 * (values[5:].astype(np.float64) + half) / 4095
    np.testing.assert_allclose(_pixels(ds)[5:], exact, atol=0.501)


@pytest.mark.parametrize(
    "vr, value",
    [("US", [4095, 0]), ("OW", b"\xff\x0f"), ("LO", "4095")],
    ids=["two", "bytes", "text"],
)
def test_padding_that_is_no_number_takes_no_film(vr, value):
    ds = dicom_files.dataset()
    expected = _pixels(ds)
    ds.add_new("PixelPaddingValue", vr, value)
    np.testing.assert_array_equal(_pixels(ds), expected)


@pytest.mark.parametrize("high_bit", [11, 15])
def test_high_bit_beyond_values_that_fill_their_bits_says_nothing(high_bit):
    """As that of 12 bits is, left in the header of a film made JPEG."""
    values = np.resize(np.arange(256), (40, 56)).astype(np.uint8)
    ds = dicom_files.dataset(values, bits=8, HighBit=high_bit)
    np.testing.assert_array_equal(_pixels(ds), values)


@pytest.mark.parametrize(
    "alone, other",
    [
        ({"RescaleIntercept": -1024}, {"RescaleSlope": 1}),
        ({"RescaleSlope": 2}, {"RescaleIntercept": 0}),
    ],
    ids=["intercept", "slope"],
)
def test_half_of_a_rescale_holds_for_the_window(alone, other):
    half = dicom_files.dataset(**_WINDOW, **alone)
    both = dicom_files.dataset(**_WINDOW, **alone, **other)
    np.testing.assert_array_equal(_pixels(half), _pixels(both))


def test_lut_whose_entries_use_a_part_of_its_bits_is_scaled():
    # Entries of 12 bits whose descriptor says 16: found in the wild.
    ds = dicom_files.dataset(
        VOILUTSequence=dicom_files.lut(np.arange(4096), 0, 16)
    )
    decoded = quality.decode(dicom_files.written(ds))
    exact = 255 * ds.pixel_array.astype(np.float64) / 4095
    np.testing.assert_allclose(decoded.image, exact, atol=0.501)
    assert decoded.grey_part == "0 to 4095 of 0 to 65535"


def test_window_keeps_the_declared_range():
    values = dicom_files.dataset().pixel_array
    ds = dicom_files.dataset(values, bits=16, **_WINDOW)
    decoded = quality.decode(dicom_files.written(ds))
    assert decoded.grey_part == ""
    np.testing.assert_array_equal(
        decoded.image, _pixels(dicom_files.dataset(values, bits=12, **_WINDOW))
    )


@pytest.mark.parametrize(
    "elements, words",
    [
        ({"WindowCenter": 5, "WindowWidth": 0}, "has the width 0"),
        ({"WindowCenter": 5, "WindowWidth": -90.5}, "has the width -90.5"),
        ({"WindowCenter": [5, 8], "WindowWidth": [0.5, 9]}, "1 or more"),
        (
            {**_WINDOW, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"},
            "above 0",
        ),
        ({"WindowCenter": 5}, "has a center and no width"),
        ({"WindowWidth": 5}, "has a width and no center"),
        ({"WindowCenter": 5, "WindowWidth": None}, "no width"),
    ],
)
def test_odd_window_is_refused_by_name(elements, words):
    ds = dicom_files.dataset(**elements)
    with pytest.raises(quality.BadFile, match=words):
        quality.decode(dicom_files.written(ds))


@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_is_kept(planar):
    generator = np.random.default_rng(0)
    values = generator.integers(0, 256, (40, 56, 3)).astype(np.uint8)
    ds = dicom_files.dataset(
        values,
        bits=8,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=planar,
    )
    if planar:
        ds.PixelData = np.moveaxis(values, 2, 0).tobytes()
    decoded = quality.decode(dicom_files.written(ds))
    np.testing.assert_array_equal(decoded.image, values)
    assert (decoded.format, decoded.mode) == ("DICOM", "RGB")
