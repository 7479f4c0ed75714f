"""No name that a file or a table holds is printed, logged or written."""

import io
import os
import pathlib
import struct
import subprocess
import sys
import zlib

from PIL import Image
from PIL import PngImagePlugin
from PIL import TiffImagePlugin
import numpy as np
import pytest

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.audit import metadata
from xray_tfds.decode import quality
from xray_tfds.source import scan
from xray_tfds.source import tables

pydicom = pytest.importorskip("pydicom")

from tests.helpers import dicom_files  # noqa: E402

_ROOT = pathlib.Path(xray_tfds.__file__).parents[1]
_NAME = b"ZSCHOKKE^JO "
# Half of it would tell as much.
_TRACES = [
    text.encode(encoding)
    for text in ("zscho", "chokke")
    for encoding in ("ascii", "utf-16-le")
]

# Everything is logged, and a report and an audit are made.
_PROGRAM = """
import logging, sys, warnings
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
import tensorflow_datasets as tfds
import xray_tfds
from xray_tfds.audit import __main__ as audit
from xray_tfds.report import __main__ as report
images, data_dir = sys.argv[1:]
builder = xray_tfds.Builder(
    data_dir=data_dir,
    config=xray_tfds.XrayConfig(
        image_size=(32, 32), max_bad_fraction=1, on_bad="quarantine"
    ),
)
builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(manual_dir=images)
)
assert report.main([str(builder.data_dir)]) in (0, None)
assert audit.main([images, f"--output_dir={data_dir}/audit"]) == 0
try:
    xray_tfds.Builder(
        data_dir=data_dir + "/strict",
        config=xray_tfds.XrayConfig(image_size=(32, 32), on_bad="error"),
    ).download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=images)
    )
except ValueError:
    logging.exception("refused")
"""


def _film(seed):
    generator = np.random.default_rng(seed)
    ramp = np.linspace(0, 150, 56)
    pixels = ramp + generator.uniform(0, 100, (40, 56))
    return Image.fromarray(pixels.astype(np.uint8))


def _saved(seed, image_format, **options):
    return dicom_files.saved(_film(seed), image_format, **options)


def _dicom(seed, **elements):
    pixels = np.asarray(_film(seed)).astype(np.uint16) * 16
    return dicom_files.written(dicom_files.dataset(pixels, **elements))


def _set(data, keyword_tag, vr, value):
    """Returns an explicit DICOM file with one more or another element."""
    ds = pydicom.dcmread(io.BytesIO(data))
    tag = pydicom.tag.Tag(keyword_tag)
    group, number = tag.group, tag.element
    element = struct.pack("<HH2sH", group, number, vr, len(value)) + value
    # Elements are in order: it takes the place of the next one or its own.
    for at in range(132, len(data) - 8):
        found = struct.unpack_from("<HH", data, at)
        if found == (group, number) and data[at + 4 : at + 6].isalpha():
            old = struct.unpack_from("<H", data, at + 6)[0]
            assert pydicom.datadict.keyword_for_tag(tag) in ds
            return data[:at] + element + data[at + 8 + old :]
    raise AssertionError(keyword_tag)


def _png_with(chunks):
    data = _saved(5, "PNG")
    new = b""
    for kind, body in chunks:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        new += struct.pack(">I", len(body)) + kind + body + crc
    return data[:33] + new + data[33:]


def _exif():
    exif = Image.Exif()
    exif[0x013B] = exif[0x010E] = _NAME.decode()
    return exif.tobytes()


def _tiff(**options):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[270] = info[315] = info[65000] = _NAME.decode()
    return _saved(7, "TIFF", tiffinfo=info, **options)


def _text():
    text = PngImagePlugin.PngInfo()
    text.add_text("Name", _NAME.decode())
    text.add_text("Zschokke", "name", zip=True)
    return text


def _files():
    """Returns name -> content, of files good and bad, all with the name."""
    dicom = _dicom(1, PatientID=_NAME.decode(), PatientName=_NAME.decode())
    cut = dicom.index(b"\xe0\x7f\x10\x00")
    files = {
        "text.jpg": _NAME * 50,
        "short.png": _NAME[:8],
        "bare.dcm": dicom[132:],
        "bare_late.dcm": dicom[dicom.index(b"\x08\x00\x16\x00UI") :],
        "preamble.dcm": (_NAME * 11)[:128] + dicom[128:],
        "good.dcm": dicom,
        "cut.dcm": dicom[:cut],
        "cut_late.dcm": dicom[:-900],
        "lone_head.dcm": dicom[:132] + _NAME * 30,
        "implicit_garbage.dcm": dicom[:cut] + _NAME * 99,
        "syntax.dcm": dicom.replace(
            b"1.2.840.10008.1.2.1\0", b"ZSCHOKKE^JO AND MORE", 1
        ),
        "png_text.png": _saved(2, "PNG", pnginfo=_text()),
        "png_text_cut.png": _saved(3, "PNG", pnginfo=_text())[:-300],
        "png_chunk.png": _png_with([(b"zScH", b"okke" + _NAME)]),
        "png_bad_text.png": _png_with([(b"tEXt", _NAME), (b"iTXt", _NAME)]),
        "png_bad_zip.png": _png_with([(b"zTXt", _NAME + b"\0\7" + _NAME)]),
        "png_profile.png": _png_with([(b"iCCP", _NAME + b"\0\7" + _NAME)]),
        "png_header.png": _saved(4, "PNG")[:8] + _NAME * 40,
        "jpeg_comment.jpg": _saved(6, "JPEG", comment=_NAME),
        "jpeg_comment_cut.jpg": _saved(8, "JPEG", comment=_NAME)[:-200],
        "jpeg_exif.jpg": _saved(9, "JPEG", exif=_exif()),
        "jpeg_exif_cut.jpg": _saved(10, "JPEG", exif=_exif()[:-9]),
        "jpeg_exif_bad.jpg": _saved(
            11, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + _NAME * 9
        ),
        "jpeg_marker.jpg": b"\xff\xd8\xff" + _NAME * 30,
        "tiff.tif": _tiff(),
        "tiff_lzw.tif": _tiff(compression="tiff_lzw")[:-40],
        "tiff_cut.tif": _tiff()[:-2300],
        "tiff_text.tif": b"II*\0" + _NAME * 40,
        "ppm.ppm": b"P5\n# " + _NAME + b"\n40 ZSCHOKKE 255\n" + bytes(4000),
        "ppm_max.ppm": b"P5 40 40 ZSCHOKKE " + _NAME * 200,
        "bmp.bmp": _saved(12, "BMP")[:26] + _NAME * 400,
        "unread.csv": b"filename,patient\na.png," + _NAME,
        "notes.txt": _NAME,
        "webp.jpg": b"RIFFxxxxWEBP" + _NAME * 9,
    }
    for keyword, vr in [
        *(("Rows", b"LO"), ("Columns", b"PN"), ("SamplesPerPixel", b"LO")),
        *(("BitsAllocated", b"CS"), ("BitsStored", b"SH"), ("HighBit", b"LT")),
        *(("PixelRepresentation", b"LO"), ("PatientID", b"DS")),
        *(("PatientID", b"DA"), ("PatientID", b"UI"), ("PatientID", b"US")),
        *(("PatientName", b"DS"), ("PhotometricInterpretation", b"LO")),
        *(("SOPInstanceUID", b"UI"), ("SOPInstanceUID", b"ZZ")),
    ]:
        data = _dicom(len(files))
        name = f"{keyword}_{vr.decode()}.dcm"
        files[name] = _set(data, keyword, vr, _NAME)
    for index, (keyword, value) in enumerate(
        [
            ("WindowCenter", b"12"),
            ("WindowWidth", b"12"),
            ("RescaleSlope", b"1 "),
            ("RescaleIntercept", b"0 "),
            ("NumberOfFrames", b"1 "),
            ("SpecificCharacterSet", b"ISO_IR 100"),
            ("VOILUTFunction", b"LINEAR"),
        ]
    ):
        views = dict(WindowCenter=12, WindowWidth=12)
        views |= dict(RescaleSlope=1, RescaleIntercept=0)
        data = _dicom(
            40 + index,
            NumberOfFrames=1,
            VOILUTFunction="LINEAR",
            SpecificCharacterSet="ISO_IR 100",
            PatientID=_NAME.decode(),
            **views,
        )
        vr = {"V": b"CS", "S": b"CS", "N": b"IS"}.get(keyword[0], b"DS")
        files[f"{keyword}.dcm"] = _set(data, keyword, vr, _NAME)
    return files


def _tells(content):
    """Whether some trace of the name is in bytes, in any case."""
    return any(trace in content.lower() for trace in _TRACES)


_FILES = _files()


@pytest.mark.slow
def test_no_name_in_a_file_leaves_the_process(tmp_path):
    folder = image_trees.write_flat_tree(tmp_path / "images") / "normal"
    for name, content in _FILES.items():
        (folder / name).write_bytes(content)
    result = subprocess.run(
        [sys.executable, "-W", "always", "-c", _PROGRAM]
        + [tmp_path / "images", tmp_path / "data"],
        cwd=_ROOT,
        env={**os.environ, "XRAY_TFDS_HASH_KEY": "secret"},
        capture_output=True,
    )
    assert result.returncode == 0, result.stderr.decode()[-2000:]
    assert b"refused" in result.stderr
    (table,) = (tmp_path / "data").rglob("files.csv")
    rows = table.read_text()
    assert all(f"normal/{name}" in rows for name in _FILES)
    written = {
        os.fspath(path): path.read_bytes()
        for path in (tmp_path / "data").rglob("*")
        if path.is_file()
    }
    streams = {"stdout": result.stdout, "stderr": result.stderr}
    for where, content in {**written, **streams}.items():
        assert not list(filter(_tells, content.splitlines())), where


@pytest.mark.parametrize("name", list(_FILES))
def test_a_refusal_says_nothing_of_the_content(name, recwarn, caplog):
    caplog.set_level(0)
    try:
        quality.decode(_FILES[name])
    except quality.BadFile as error:
        # Also a trace that is logged shows no other error's words.
        assert error.__suppress_context__ or error.__context__ is None
        assert not _tells(repr(error).encode())
    assert not recwarn.list
    assert not _tells(caplog.text.encode())


_TABLES = [
    "a.png,Zschokke\n",
    "filename,patient,Zschokke\na.png,1,x\n",
    "filename,patient\nZschokke^Jo,a.png\n",
    "filename,patient\nZschokke/Jo,a.png\n",
    "filename,patient,label\na.png,1,Zschokke\n",
    "filename,patient,label,split\na.png,1,normal,Zschokke\n",
    "filename,patient\nZschokke,1\nZschokke,2\n",
    "filename,patient\na.png,Zschokke\na.png,Jo Zschokke\n",
    "filename,patient\na.png,Zschokke,Jo\n",
    'filename,patient\na.png,"Zschokke\n' + 200_000 * "x",
]


@pytest.mark.parametrize("text", _TABLES)
def test_refused_table_names_no_patient(text, tmp_path):
    image_trees.write_images(tmp_path / "images" / "normal", ["a.png"])
    image_trees.write_images(tmp_path / "images" / "pneumonia", ["b.png"])
    image_trees.write_images(tmp_path / "images", ["a.png"])
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError) as info:
        table = tables.read_table(str(path))
        scan.find(tmp_path / "images", ("normal", "pneumonia"), table)
    assert not _tells(repr(info.value).encode())


@pytest.mark.parametrize(
    "row",
    ["Zschokke,1,9,9,9,L,", "a,1,Zschokke,9,9,L,", "a,1,9,9,9,L,Zschokke"],
)
def test_refused_table_of_containers_names_no_patient(row, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",".join(metadata.COLUMNS) + f"\n{row}\n")
    with pytest.raises(ValueError) as info:
        metadata.read_metadata_csv(path)
    assert not _tells(repr(info.value).encode())
