"""Checks of JPEG, PNG and TIFF files that PIL does not make.

All raise `BadFile`.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING
import zlib

import numpy as np

from xray_tfds.decode import errors
from xray_tfds.decode import limits

if TYPE_CHECKING:
    import io

    from PIL import ImageFile
    from PIL import JpegImagePlugin

# In the compressed data of a JPEG FF is followed by 00, or begins a marker. D0
# to D7, the restart markers, may be inside of it if a DRI marker says so (ITU-T
# T.81, B.1.1.2, B.1.1.5 and B.2.4.4).
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff]")
_JPEG_OTHER_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_RESTARTS = b"\xff\xdd"
_JPEG_END = b"\xff\xd9"
_JPEG_ARITHMETIC = b"\xff\xc9"

# libjpeg-turbo fills a register of 64 bits before it decodes the last symbol.
_JPEG_LOOK_AHEAD = 8

_JPEG_SCAN = b"\xff\xda"

# The markers whose segments PIL reads or skips by their length, up to the first
# scan: SOF, DHT, DAC, DQT, DRI, APP and COM (ITU-T T.81, table B.1).
_JPEG_SEGMENTS = frozenset(
    bytes((0xFF, second))
    for second in (
        *(*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDB, 0xDD),
        *(*range(0xE0, 0xF0), 0xFE),
    )
)

_JPEG_EXIF = b"Exif\0\0"
_PHOTOSHOP_BLOCK = b"8BIM"

_PNG_SIGNATURE_SIZE = 8

# Types of TIFF values that PIL leaves as bytes: BYTE, ASCII, UNDEFINED.
_TIFF_BYTES = (1, 2, 7)


def check_png(data: bytes) -> None:
    """Walks the chunks: PIL does not look at the checksums of pixels."""
    view = memoryview(data)
    position = _PNG_SIGNATURE_SIZE
    kind = b""
    number = 0
    while kind != b"IEND":
        number += 1
        limits.check_parts(number, "chunks")
        where = f"the chunk at byte {position}"
        if position + 12 > len(data):
            raise errors.BadFile("truncated", f"{where} is missing")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if not kind.isalpha():
            raise errors.BadFile("unreadable", f"{where} has no name")
        if end + 4 > len(data):
            raise errors.BadFile("truncated", f"{where} ends early")
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(view[position + 4 : end]) != checksum:
            raise errors.BadFile("unreadable", f"{where} has a wrong checksum")
        position = end + 4


def check_coverage(image: ImageFile.ImageFile) -> None:
    """Refuses an image whose parts, as listed by PIL, do not cover it.

    The strips of a TIFF may leave rows out, which PIL shows as black.
    """
    extents = {tile[1] for tile in image.tile if tile[1]}
    covered = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in extents)
    if covered < image.width * image.height:
        raise errors.BadFile("truncated", "its parts do not cover the image")


def check_tiff(data: bytes) -> None:
    """Refuses a TIFF whose first directory lists more than a film has.

    PIL makes objects of all values, such as where each strip begins.
    """
    order, is_big, position = _read_tiff_header(data)
    # TIFF 6.0, section 2, and its extension to 64 bits, BigTIFF.
    count = struct.Struct(order + ("Q" if is_big else "H"))
    entry = struct.Struct(order + ("HHQ8x" if is_big else "HHI4x"))
    if position + count.size > len(data):
        return  # PIL will say so.
    (number,) = count.unpack_from(data, position)
    limits.check_parts(number, "entries")
    start = position + count.size
    whole = (len(data) - start) // entry.size
    for index in range(min(number, whole)):
        _, kind, length = entry.unpack_from(data, start + index * entry.size)
        if kind not in _TIFF_BYTES:
            limits.check_parts(length, "values in one entry")


def points_behind_end(data: bytes) -> bool:
    """Whether a TIFF's first directory lies where the file has ended."""
    return _read_tiff_header(data)[2] >= len(data)


def _read_tiff_header(data):
    """Returns order of bytes, whether it is BigTIFF, and the directory."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = b"+" in data[2:4]
    layout, offset = ("Q", 8) if is_big else ("I", 4)
    if len(data) < 16:
        return order, is_big, len(data)
    (directory,) = struct.unpack_from(order + layout, data, offset)
    return order, is_big, directory


def check_jpeg_header(data: bytes) -> None:
    """Refuses a JPEG of more metadata than any encoder writes.

    They are counted up to the first scan, where PIL stops to look for them: a
    pass over all of a film takes a fiftieth of the time to decode it.
    """
    end = _find_scan(data)
    limits.check_parts(
        data.count(_JPEG_EXIF, 0, end),
        "EXIF segments",
        limits.MAX_JPEG_EXIF_SEGMENTS,
    )
    limits.check_parts(data.count(_PHOTOSHOP_BLOCK, 0, end), "Photoshop blocks")


def check_jpeg_scans(data: bytes) -> None:
    """Refuses a JPEG of more scans than any encoder makes.

    Needed where libjpeg decodes more than the first: in a progressive JPEG, and
    where that is not of all components.
    """
    limits.check_parts(data.count(_JPEG_SCAN), "scans", limits.MAX_JPEG_SCANS)


def _find_scan(data):
    """Returns where the first scan begins; the end where it is not clear."""
    position = 2  # Behind the start marker.
    for _ in range(limits.MAX_PARTS):
        marker = data[position : position + 2]
        if marker == _JPEG_SCAN:
            return position
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker not in _JPEG_SEGMENTS or length < 2:
            break
        position += 2 + length
    return len(data)


def expose_jpeg_end(
    image: JpegImagePlugin.JpegImageFile, stream: io.BytesIO, data: bytes
) -> tuple[int, int] | None:
    """Makes PIL see where a JPEG's data ends, before it decodes it.

    What is missing before the end marker PIL's decoder fills with grey, without
    a word; but it raises where the file itself ends. So the end marker gives
    way to a few bytes of padding. Up to as many missing bytes go unseen: some
    blocks of 8x8 pixels. Files of several scans (progressive ones) and of
    arithmetic coding cannot be decoded without their end marker and keep it.

    Args:
        image: `JpegImageFile`, opened and not loaded.
        stream: `io.BytesIO` that it was opened from, and will read.
        data: The content of the stream, bytes.

    Returns:
        `(start, end)` of the compressed data, or `None` where nothing was done.
    """
    start = stream.tell()
    end = data.rfind(_JPEG_END)
    if end < start:
        raise errors.BadFile("truncated", "no end marker behind the pixels")
    # The header of the first scan, of 6 + 2 n bytes, says of how many of the
    # components it is: ITU-T T.81, B.2.3.
    is_only_scan = data[start - 4 - 2 * image.layers] == image.layers
    is_progressive = image.info.get("progressive")
    if is_progressive or not is_only_scan or _has_arithmetic(data, start):
        check_jpeg_scans(data)
        return None
    stream.seek(end)
    stream.write(bytes(_JPEG_LOOK_AHEAD))
    stream.truncate()
    return start, end


def _has_arithmetic(data, start):
    return data.find(_JPEG_ARITHMETIC, 0, start) >= 0


def check_jpeg_filling(
    image: JpegImagePlugin.JpegImageFile, data: bytes, start: int, end: int
) -> None:
    """Refuses a JPEG whose data a stray marker ends before its last pixel.

    Args:
        image: `JpegImageFile`, loaded.
        data: The content of the file.
        start: As `expose_jpeg_end` returned it.
        end: As `expose_jpeg_end` returned it.
    """
    # Missing data are the grey 128, so the last 8x8 block is flat.
    width, height = image.size
    if image.getpixel((width - 1, height - 1)) not in (128, (128, 128, 128)):
        return
    left, top = (width - 1) // 8 * 8, (height - 1) // 8 * 8
    extrema = image.crop((left, top, width, height)).getextrema()
    if not np.all(np.asarray(extrema) == 128):
        return
    has_restarts = data.find(_JPEG_RESTARTS, 0, start) >= 0
    markers = _JPEG_OTHER_MARKER if has_restarts else _JPEG_MARKER
    marker = markers.search(data, start, end)
    if marker:
        raise errors.BadFile(
            "truncated",
            f"its pixels end at the marker at byte {marker.start()}",
        )
