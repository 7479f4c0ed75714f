"""What PIL overlooks in JPEG, PNG and TIFF files."""

import io
import struct

from PIL import Image
import numpy as np
import pytest

from xray_tfds.decode import quality


def _film(size=(70, 90), seed=0):
    generator = np.random.default_rng(seed)
    ramp = np.linspace(0, 150, size[1])
    pixels = ramp + generator.uniform(0, 100, size)
    return Image.fromarray(pixels.astype(np.uint8))


def _encoded(image, image_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _reason(data):
    with pytest.raises(quality.BadFile) as info:
        quality.decode(data)
    return info.value.reason


_COLOUR = Image.merge("RGB", [_film(seed=seed) for seed in range(3)])
_JPEGS = {
    "grey": _encoded(_film(), "JPEG"),
    "colour": _encoded(_COLOUR, "JPEG", subsampling="4:2:0"),
    "restart": _encoded(_film(), "JPEG", restart_marker_blocks=3),
}


@pytest.mark.parametrize("name", _JPEGS)
@pytest.mark.parametrize(
    "tail", [bytes(5000), b"\xff\xd9"], ids=["zeros", "end"]
)
def test_decode_of_jpeg_with_a_new_end_is_truncated(name, tail):
    data = _JPEGS[name]
    start = data.index(b"\xff\xda") + 20
    for missing in (12, 40, 400):
        cut = data[: max(start, len(data) - 2 - missing)].rstrip(b"\xff")
        if tail == b"\xff\xd9":  # PIL shows grey and raises nothing.
            Image.open(io.BytesIO(cut + tail)).load()
        assert _reason(cut + tail) == "truncated"


def _with_exif_segments(number, *, before=b""):
    """Returns a JPEG with EXIF segments behind a segment and what is given."""
    directory = b"MM\0*\0\0\0\x08" + bytes(6)
    segment = b"\xff\xe1\x00\x16Exif\0\0" + directory
    start, rest = _JPEGS["grey"][:2], _JPEGS["grey"][2:]
    return start + b"\xff\xe5\x00\x02" + before + segment * number + rest


@pytest.mark.parametrize(
    "before",
    [
        *(b"", b"\xff", b"\0", b"\xff\xd0", b"\xff\x00", b"\xff\xc8"),
        *(b"\xff\xe5\x00\x04\xff\xda", b"\xff\xe5\x00\x00", b"\xff\xff"),
    ],
    ids=bytes.hex,
)
def test_exif_segments_are_counted_behind_whatever_pil_passes(before):
    data = _with_exif_segments(9, before=before)
    with Image.open(io.BytesIO(data)) as image:  # It joins them all.
        assert len(image.info["exif"]) == 6 + 9 * 14
    with pytest.raises(quality.BadFile, match="it has 9 EXIF segments"):
        quality.decode(data)


def test_metadata_are_not_counted_where_pil_does_not_look():
    data = _with_exif_segments(8) + b"Exif\0\0" * 9 + b"\xff\xda" * 101
    assert quality.decode(data + b"\xff\xd9").format == "JPEG"


def test_decode_of_jpeg_with_a_thumbnails_end_marker_is_truncated():
    data = _encoded(_film(), "JPEG", exif=b"Exif\0\0 thumbnail \xff\xd9")
    quality.decode(data)
    assert _reason(data[:-300] + bytes(300)) == "truncated"


@pytest.mark.parametrize("marker", [b"\xff\xd9", b"\xff\xd0"], ids=str)
def test_decode_of_jpeg_with_a_marker_in_its_data_is_truncated(marker):
    data = bytearray(_JPEGS["grey"])
    middle = data.index(b"\xff\xda") + 400
    data[middle : middle + 2] = marker
    Image.open(io.BytesIO(data)).load()  # PIL raises nothing.
    assert _reason(bytes(data)) == "truncated"


def test_decode_of_jpeg_that_truly_ends_in_grey_succeeds():
    film = np.asarray(_film((64, 96))).copy()
    film[-32:] = 128
    data = _encoded(Image.fromarray(film), "JPEG")
    assert quality.decode(data).image.getpixel((95, 63)) == 128


def test_decode_of_png_with_any_flipped_bit_is_refused():
    data = _encoded(_film(), "PNG")
    for place in np.random.default_rng(0).integers(0, len(data), 60):
        flipped = bytearray(data)
        flipped[place] ^= 4
        _reason(bytes(flipped))


def test_decode_of_jpeg_with_a_preview_takes_the_first():
    frames = [_film(seed=seed) for seed in range(2)]
    data = _encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    first = Image.open(io.BytesIO(_encoded(frames[0], "JPEG")))
    assert quality.decode(data).image.tobytes() == first.tobytes()


def test_decode_of_tiff_with_missing_strips_is_truncated():
    data = _encoded(_film((200, 400)), "TIFF")
    # ImageLength, of which the strips cover less than this says.
    at = data.index(struct.pack("<HHI", 257, 4, 1)) + 8
    taller = data[:at] + struct.pack("<I", 400) + data[at + 4 :]
    assert _reason(taller) == "truncated"
