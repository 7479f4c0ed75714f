"""Which DICOM files are decoded, refused, and what of them gets out."""

import io
import sys

from PIL import Image
import numpy as np
import pytest

from xray_tfds.decode import images
from xray_tfds.decode import quality

pytest.importorskip("pydicom")

from pydicom import uid  # noqa: E402

from tests.helpers import dicom_files  # noqa: E402

_WINDOW = {"WindowCenter": 1800.5, "WindowWidth": 2000}


def _pixels(ds):
    return np.asarray(quality.decode(dicom_files.written(ds)).image)


def _reason(data):
    with pytest.raises(quality.BadFile) as info:
        quality.decode(data)
    return info.value.reason


def test_rle_equals_uncompressed():
    compressed = dicom_files.compressed(
        dicom_files.dataset(**_WINDOW), uid.RLELossless
    )
    np.testing.assert_array_equal(
        _pixels(compressed), _pixels(dicom_files.dataset(**_WINDOW))
    )


def test_jpeg_2000_equals_uncompressed():
    pytest.importorskip("openjpeg")
    pytest.importorskip("pylibjpeg")  # Without it openjpeg is not found.
    compressed = dicom_files.compressed(
        dicom_files.dataset(), uid.JPEG2000Lossless
    )
    np.testing.assert_array_equal(
        _pixels(compressed), _pixels(dicom_files.dataset())
    )


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_equals_pil(mode):
    ds, frame = dicom_files.jpeg_dataset(mode)
    expected = np.asarray(Image.open(io.BytesIO(frame))).astype(int)
    # pydicom converts YCbCr in floating point, libjpeg in integers.
    assert np.abs(_pixels(ds) - expected).max() <= (1 if mode == "RGB" else 0)


def test_jpeg_of_another_size_than_the_header_is_unreadable():
    ds, _ = dicom_files.jpeg_dataset()
    ds.Rows = 80
    assert _reason(dicom_files.written(ds)) == "unreadable"
    ds, frame = dicom_files.jpeg_dataset()
    at = frame.index(b"\xff\xc0") + 5
    bomb = frame[:at] + b"\xfd\xe8\xfd\xe8" + frame[at + 4 :]
    assert (
        _reason(
            dicom_files.written(
                dicom_files.compressed(ds, uid.JPEGBaseline8Bit, bomb)
            )
        )
        == "unreadable"
    )


def test_cut_codestream_is_truncated():
    ds, frame = dicom_files.jpeg_dataset()
    cut = dicom_files.compressed(
        ds, uid.JPEGBaseline8Bit, frame[: len(frame) // 2]
    )
    assert _reason(dicom_files.written(cut)) == "truncated"


def test_cut_file_is_truncated():
    data = dicom_files.written(dicom_files.dataset())
    assert _reason(data[:-1000]) == "truncated"
    assert _reason(data[: data.index(b"\xe0\x7f\x10\x00")]) == "truncated"


@pytest.mark.parametrize(
    "elements, reason",
    [
        ({"NumberOfFrames": 2}, "several frames"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "unsupported"),
        ({"Rows": 20}, "too small"),
        ({"Rows": 60_000, "Columns": 60_000}, "too many pixels"),
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, "constant"),
        ({"PixelData": bytes(40 * 56 * 2)}, "constant"),
        ({"WindowCenter": 5, "WindowWidth": 0}, "unreadable"),
        ({"VOILUTSequence": dicom_files.lut([1, 2, 3], 0, 30)}, "unreadable"),
        ({"Rows": 0}, "too small"),
        # Values that begin at the highest of 16 bits: PS3.5, 8.1.1.
        ({"HighBit": 15}, "unsupported"),
        # Two frames and no NumberOfFrames.
        ({"PixelData": bytes(range(160)) * 56}, "several frames"),
    ],
)
def test_bad_files_give_the_reason(elements, reason):
    assert (
        _reason(dicom_files.written(dicom_files.dataset(**elements))) == reason
    )


def test_unknown_compression_is_unsupported():
    ds, _ = dicom_files.jpeg_dataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG-2
    assert _reason(dicom_files.written(ds)) == "unsupported"


def test_deflated_file_is_unsupported():
    ds = dicom_files.dataset()
    ds.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    assert _reason(dicom_files.written(ds)) == "unsupported"


def test_patient_id_is_all_that_leaves():
    decoded = quality.decode(dicom_files.written(dicom_files.dataset()))
    assert decoded.patient_id == "ID-7"
    assert "Doe" not in repr(decoded) and not decoded.image.info
    assert (
        quality.decode(
            dicom_files.written(dicom_files.dataset(PatientID=" "))
        ).patient_id
        is None
    )


def test_error_quotes_no_value_of_the_file():
    data = dicom_files.written(dicom_files.dataset(**_WINDOW)).replace(
        b"1800.5", b"Doe^J "
    )
    with pytest.raises(quality.BadFile) as info:
        quality.decode(data)
    assert info.value.reason == "unreadable"
    assert "Doe" not in str(info.value)
    assert info.value.__suppress_context__


def test_sniff_format_looks_behind_the_preamble():
    data = dicom_files.written(dicom_files.dataset())
    assert images.sniff_format(data) == "DICOM"
    assert images.sniff_format(b"II*\0".ljust(128) + data[128:]) == "DICOM"


def test_without_pydicom_the_error_names_the_extra(monkeypatch):
    data = dicom_files.written(dicom_files.dataset())
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setitem(sys.modules, "pydicom.pixels", None)
    with pytest.raises(ImportError, match=r"pip install 'xray-tfds\[dicom\]'"):
        quality.decode(data)
