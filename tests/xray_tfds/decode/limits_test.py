"""Crafted files are refused soon, honest ones with many parts are not."""

import io
import os
import struct
import subprocess
import sys

from PIL import Image
from PIL import PngImagePlugin
from PIL import TiffImagePlugin
import numpy as np
import pytest

from benchmarks import crafted_files
from benchmarks import crafted_images
from xray_tfds.decode import quality

pydicom = pytest.importorskip("pydicom")

from pydicom import uid  # noqa: E402

from tests.helpers import dicom_files  # noqa: E402

_FILM = np.random.default_rng(0).integers(0, 256, (3000, 40), np.uint8)


@pytest.mark.parametrize("name", crafted_files.BOMBS)
def test_crafted_file_is_refused_soon(name):
    outcome, seconds = crafted_files.judge(crafted_files.BOMBS[name]())
    assert outcome != "decoded"
    # Twice as many as the benchmark allows: on a busy machine two processes
    # share a core, and its seconds are longer. Unlimited, they take 5 to 26.
    assert seconds < 2 * crafted_files.MAX_SECONDS


@pytest.mark.parametrize(
    "name", ["DICOM RLE of long runs", "DICOM of a million windows"]
)
def test_crafted_file_takes_little_memory(name):
    _, _, megabytes = crafted_files.measure(name)
    assert megabytes < crafted_files.MAX_MEGABYTES


def _strips():
    # Strips of one row, which PIL does not write on its own.
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[278] = 1
    buffer = io.BytesIO()
    Image.fromarray(_FILM).save(buffer, "TIFF", tiffinfo=info)
    return buffer.getvalue()


def _chunks():
    buffer = io.BytesIO()
    Image.fromarray(_FILM).save(buffer, "PNG")
    data = buffer.getvalue()
    length = struct.unpack(">I", data[33:37])[0]
    body = data[41 : 41 + length]
    parts = [
        crafted_images.png_chunk(b"IDAT", body[i : i + 8])
        for i in range(0, length, 8)
    ]
    return data[:33] + b"".join(parts) + data[45 + length :]


def _run_lengths():
    """A BMP in which each pixel is a run of its own."""
    rows = [
        b"".join(bytes([1, pixel]) for pixel in row) + b"\0\0"
        for row in _FILM[::-1].tolist()
    ]
    return crafted_images.bmp_of_runs(b"".join(rows) + b"\0\1", *_FILM.shape)


def _comments():
    comments = b"".join(b"# line %d of many\n" % n for n in range(3000))
    return b"P5\n" + comments + b"40 3000\n255\n" + _FILM.tobytes()


def _progressive():
    buffer = io.BytesIO()
    Image.fromarray(_FILM).save(buffer, "JPEG", progressive=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "make", [_strips, _chunks, _run_lengths, _comments, _progressive]
)
def test_honest_file_of_many_parts_is_decoded(make):
    data = make()
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    np.testing.assert_array_equal(
        quality.decode(data).image.convert("L"), expected
    )


def test_honest_dicom_of_many_elements_is_decoded():
    ds = dicom_files.dataset()
    for number in range(5000):
        ds.add_new(0x00291000 + number % 256 + (number // 256 << 17), "LO", "x")
    # A deflated original is mentioned, which does not make this one deflated.
    ds.add_new(0x00090010, "UI", uid.DeflatedExplicitVRLittleEndian)
    step = pydicom.Dataset()
    step.ScheduledProcedureStepID = "1"
    ds.RequestAttributesSequence = [step] * 500
    np.testing.assert_array_equal(
        quality.decode(dicom_files.written(ds)).image,
        quality.decode(dicom_files.written(dicom_files.dataset())).image,
    )


_SHORT_OF_MEMORY = """
import resource, sys
from xray_tfds import config
from xray_tfds.curate import examine
from xray_tfds.decode import limits, quality
import pathlib, dataclasses
from xray_tfds.source import hash_key
from xray_tfds.source import source_files
import pydicom.pixels

path = pathlib.Path(sys.argv[1])
file = source_files.SourceFile(path, path.name, "normal", None)
options = config.XrayConfig()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[2]) * 10**6
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    found, _ = examine.examine(file, options, hash_key.HashKey(b"key"))
    print("reason:", found.reason, found.detail)
except limits.NotEnoughMemoryError as error:
    print("machine:", error)
"""


def _large(image_format, **options):
    film = np.sort(_FILM.ravel().repeat(40)[: 2000 * 2000].reshape(2000, 2000))
    if image_format == "DICOM":
        ds = dicom_files.dataset(film.astype(np.uint16) * 16)
        return dicom_files.written(ds)
    buffer = io.BytesIO()
    Image.fromarray(film).save(buffer, image_format, **options)
    return buffer.getvalue()


@pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc"
)
@pytest.mark.parametrize("megabytes", [3, 12])
@pytest.mark.parametrize(
    "image_format, options",
    [("PNG", {}), ("JPEG", {"progressive": True}), ("DICOM", {})],
)
def test_good_film_is_not_blamed_for_a_lack_of_memory(
    image_format, options, megabytes, tmp_path
):
    path = tmp_path / "film"
    path.write_bytes(_large(image_format, **options))
    result = subprocess.run(
        [sys.executable, "-c", _SHORT_OF_MEMORY, path, str(megabytes)],
        capture_output=True,
        text=True,
    )
    # Either there was enough of it, or the machine is named, and the file.
    line = result.stdout.strip()
    assert line == "reason:" or (
        line.startswith("machine: There is not enough memory")
        and str(path) in line
    ), (line, result.stderr)


@pytest.mark.parametrize(
    "error",
    [OSError(24, "Too many open files"), ImportError("no memory to map it")],
)
@pytest.mark.parametrize("image_format", ["PNG", "DICOM"])
def test_error_of_the_system_is_not_taken_for_that_of_the_file(
    image_format, error, monkeypatch
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    monkeypatch.setattr(pydicom.pixels, "pixel_array", fail)
    with pytest.raises(type(error)):
        quality.decode(_large(image_format))


def test_missing_codec_of_pillow_is_named(monkeypatch):
    buffer = io.BytesIO()
    film = Image.fromarray(_FILM[:64])
    film.save(buffer, "TIFF", compression="tiff_lzw")
    monkeypatch.delattr(Image.core, "libtiff_decoder")
    with pytest.raises(quality.BadFile, match="unsupported: .* pip install"):
        quality.decode(buffer.getvalue())


def test_long_annotations_of_an_honest_jpeg_are_no_bomb():
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[270] = "x" * 60_000
    comment = b"8BIM" * 1000
    Image.fromarray(_FILM).save(buffer, "JPEG", exif=exif, comment=comment)
    assert quality.decode(buffer.getvalue()).format == "JPEG"
