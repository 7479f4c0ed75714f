"""Decoding or refusing a file, against PIL, NumPy and damaged files."""

from concurrent import futures
import importlib
import io
import pathlib
import pickle
import struct
import warnings
import zlib

from PIL import Image
from PIL import ImageFile
import numpy as np
import pytest

from tests.helpers import image_trees
from xray_tfds.decode import images
from xray_tfds.decode import quality

_ROOT = pathlib.Path(__file__).parents[3]


def _film(mode="L", size=(70, 90), seed=0):
    generator = np.random.default_rng(seed)
    bands = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}[mode]
    ramp = np.linspace(0, 150, size[1])[:, np.newaxis]
    pixels = ramp + generator.uniform(0, 100, (*size, bands))
    return Image.fromarray(pixels.astype(np.uint8).squeeze(), mode)


def _encoded(image, image_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _values(dtype, top, size=(40, 50)):
    generator = np.random.default_rng(0)
    values = generator.integers(0, top, size, endpoint=True).astype(dtype)
    values[0, :2] = (0, top)
    return values


def _reason(data, **options):
    with pytest.raises(quality.BadFile) as info:
        quality.decode(data, **options)
    assert info.value.reason in quality.REASONS
    assert info.value.detail and str(info.value).startswith(info.value.reason)
    return info.value.reason


_FILES = {
    "JPEG L": _encoded(_film(), "JPEG"),
    "JPEG RGB": _encoded(_film("RGB"), "JPEG", subsampling="4:2:0"),
    "JPEG progressive": _encoded(_film("RGB"), "JPEG", progressive=True),
    "JPEG restart": _encoded(_film(), "JPEG", restart_marker_blocks=3),
    "JPEG CMYK": _encoded(_film("CMYK"), "JPEG"),
    "PNG L": _encoded(_film(), "PNG"),
    "PNG 1": _encoded(_film().convert("1"), "PNG"),
    "PNG LA": _encoded(_film("LA"), "PNG"),
    "PNG RGBA": _encoded(_film("RGBA"), "PNG"),
    "PNG P": _encoded(_film("RGB").quantize(31), "PNG"),
    "BMP L": _encoded(_film(), "BMP"),
    "BMP RGB": _encoded(_film("RGB"), "BMP"),
    "TIFF L": _encoded(_film(), "TIFF"),
    "TIFF big": _encoded(_film(), "TIFF", big_tiff=True),
    "TIFF lzw": _encoded(_film("RGB"), "TIFF", compression="tiff_lzw"),
    "TIFF CMYK": _encoded(_film("CMYK"), "TIFF"),
    "PPM L": _encoded(_film(), "PPM"),
    "PPM RGB": _encoded(_film("RGB"), "PPM"),
}


@pytest.mark.parametrize("color_mode", images.COLOR_MODES)
@pytest.mark.parametrize("name", _FILES)
def test_decode_of_8_bits_equals_pil(name, color_mode):
    decoded = quality.decode(_FILES[name])
    options = {
        "color_mode": color_mode,
        "image_size": (24, 31),
        "interpolation": "bilinear",
    }
    with Image.open(io.BytesIO(_FILES[name])) as image:
        np.testing.assert_array_equal(
            images.convert_and_resize(decoded.image, **options),
            images.convert_and_resize(image, **options),
        )
        facts = (image.format, image.mode, image.width, image.height)
    assert facts == (
        decoded.format,
        decoded.mode,
        decoded.width,
        decoded.height,
    )
    assert decoded.patient_id is None


@pytest.mark.parametrize("name", _FILES)
def test_decode_of_any_shorter_file_is_refused(name):
    data = _FILES[name]
    for fraction in (0.02, 0.3, 0.6, 0.9, 0.97):
        assert _reason(data[: int(fraction * len(data))]) in (
            "truncated",
            "unreadable",
        )
    assert _reason(data[: int(0.9 * len(data))]) == "truncated"


@pytest.mark.parametrize("name", _FILES)
def test_decode_of_bytes_behind_the_image_ignores_them(name):
    longer = quality.decode(_FILES[name] + b"\0\xff\xd9 and more").image
    assert longer.tobytes() == quality.decode(_FILES[name]).image.tobytes()


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
@pytest.mark.parametrize(
    "top, full_scale",
    [(255, 255), (256, 1023), (1023, 1023), (1024, 4095), (4095, 4095)]
    + [(4096, 16383), (16383, 16383), (16384, 65535), (65535, 65535)],
)
@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_decode_of_16_bits_scales_them(image_format, top, full_scale, dtype):
    values = _values(dtype, top)
    decoded = quality.decode(_encoded(Image.fromarray(values), image_format))
    exact = 255 * values.astype(np.float64) / full_scale
    np.testing.assert_array_equal(decoded.image, np.floor(exact + 0.5))
    assert decoded.image.mode == "L"
    assert decoded.mode in ("I;16", "I;16B")
    part = f"0 to {full_scale} of 0 to 65535" if full_scale < 65535 else ""
    assert decoded.grey_part == part


def test_decode_of_16_bit_tiff_whose_zero_is_white_inverts_it():
    values = _values("<u2", 65535)
    data = _encoded(Image.fromarray(values), "TIFF")
    tag = struct.pack("<HHI", 262, 3, 1)
    assert data.count(tag + b"\1") == 1
    inverted = data.replace(tag + b"\1", tag + b"\0")
    np.testing.assert_array_equal(
        quality.decode(inverted).image, 255 - np.rint(values / 257)
    )


@pytest.mark.parametrize("top", [1023, 4095, 16383, 65535])
def test_decode_of_pgm_scales_by_its_own_header(top):
    values = _values(">u2", top)
    data = b"P5  \n 50 40 %d\n" % top + values.tobytes()
    exact = 255 * values.astype(np.float64) / top
    # PIL goes through 16 bits, which may round another way at a half.
    decoded = np.asarray(quality.decode(data).image)
    np.testing.assert_allclose(decoded, exact, atol=0.51)


@pytest.mark.parametrize(
    "values",
    [
        _values(np.int32, 100) - 1,
        _values(np.int32, 65536),
        _values(np.float32, 200),
    ],
    ids=["negative", "above 16 bits", "float"],
)
def test_decode_of_other_grey_values_is_unsupported(values):
    assert _reason(_encoded(Image.fromarray(values), "TIFF")) == "unsupported"


def test_decode_of_alpha_drops_it():
    film = _film("RGBA")
    decoded = quality.decode(_encoded(film, "PNG"))
    pixels = images.convert_and_resize(decoded.image, color_mode="rgb")
    np.testing.assert_array_equal(pixels, np.asarray(film)[..., :3])


def test_decode_of_cmyk_multiplies_by_black():
    film = _film("CMYK")
    decoded = quality.decode(_encoded(film, "TIFF"))
    pixels = images.convert_and_resize(decoded.image, color_mode="rgb")
    inks = 255.0 - np.asarray(film)
    expected = inks[..., :3] * inks[..., 3:] / 255
    np.testing.assert_allclose(pixels, expected, atol=1)


def test_decode_of_palette_looks_colours_up():
    film = _film("RGB").quantize(31)
    palette = np.reshape(film.getpalette(), (-1, 3))
    decoded = quality.decode(_encoded(film, "PNG"))
    pixels = images.convert_and_resize(decoded.image, color_mode="rgb")
    np.testing.assert_array_equal(pixels, palette[np.asarray(film)])


_FLAT_ALPHA = np.full((40, 40, 4), 7, np.uint8)
_FLAT_ALPHA[..., 3] = np.arange(40)


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty"),
        (b"no image at all", "not an image"),
        (b"BM and other notes that go on for a while", "not an image"),
        (bytes(4000), "not an image"),
        (_encoded(_film(), "GIF"), "unsupported"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not an image"),
        (_encoded(_film(), "WEBP"), "unsupported"),
        (_encoded(_film("L", (31, 90)), "PNG"), "too small"),
        (_encoded(_film("L", (90, 31)), "JPEG"), "too small"),
        (_encoded(Image.new("L", (50, 50), 9), "PNG"), "constant"),
        (_encoded(Image.new("P", (50, 50), 9), "PNG"), "constant"),
        (_encoded(Image.new("1", (50, 50), 1), "PNG"), "constant"),
        (_encoded(Image.new("RGB", (50, 50), "red"), "JPEG"), "constant"),
        (_encoded(Image.fromarray(_FLAT_ALPHA), "PNG"), "constant"),
        (_encoded(Image.new("LAB", (50, 50)), "TIFF"), "unsupported"),
    ],
)
def test_decode_of_bad_content_gives_the_reason(data, reason):
    assert _reason(data) == reason


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_decode_of_several_frames_is_refused(image_format):
    frames = [_film(seed=seed) for seed in range(2)]
    data = _encoded(
        frames[0], image_format, save_all=True, append_images=frames[1:]
    )
    assert _reason(data) == "several frames"


def test_decode_limits_pixels_at_the_exact_number():
    data = _FILES["PNG L"]
    quality.decode(data, max_image_pixels=70 * 90, min_image_size=70)
    assert _reason(data, max_image_pixels=70 * 90 - 1) == "too many pixels"
    assert _reason(data, min_image_size=71) == "too small"


@pytest.mark.parametrize("side", [9_900, 20_000, 60_000])
def test_decode_of_large_headers_does_not_warn(side):
    # PIL warns above 9,459 pixels a side, and raises above 13,377.
    header = struct.pack(">4sIIBBBBB", b"IHDR", side, side, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    data = _FILES["PNG L"]
    png = data[:12] + header + checksum + data[33:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = "truncated" if side**2 < 10**8 else "too many pixels"
        assert _reason(png) == expected


def test_decode_of_large_tiff_becomes_bad_file(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 70 * 90 - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _reason(_FILES["TIFF L"]) == "too many pixels"


def test_decode_refuses_to_run_where_pil_accepts_truncated_files(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(RuntimeError, match="must be False"):
        quality.decode(_FILES["JPEG L"])


def test_decode_in_threads_equals_decode_in_one():
    names = list(_FILES) * 8
    with futures.ThreadPoolExecutor(8) as executor:
        threaded = executor.map(lambda n: quality.decode(_FILES[n]), names)
        for name, decoded in zip(names, threaded):
            expected = quality.decode(_FILES[name]).image
            assert decoded.image.tobytes() == expected.tobytes()


def test_bad_file_survives_pickling():
    error = pickle.loads(pickle.dumps(quality.BadFile("empty", "no bytes")))
    assert (error.reason, error.detail) == ("empty", "no bytes")
    assert str(error) == "empty: no bytes"


def test_decode_of_damaged_files_is_as_pil_and_pydicom_say(monkeypatch):
    pytest.importorskip("pydicom")
    monkeypatch.syspath_prepend(_ROOT / "benchmarks")
    mutants = importlib.import_module("mutants")
    for mutant in mutants.make(150, seed=7):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdict = mutants.judge(mutant)
        assert not verdict.fault, (mutant.mutation, mutant.format, verdict)
        assert verdict.seconds < 5


@image_trees.needs_real_images
def test_decode_of_real_films_equals_pil():
    paths = sorted((image_trees.REAL_IMAGES / "originals").rglob("*.jp*g"))[::6]
    assert paths
    for path in paths:
        decoded = quality.decode(path.read_bytes())
        with Image.open(path) as image:
            assert decoded.image.tobytes() == image.tobytes()
