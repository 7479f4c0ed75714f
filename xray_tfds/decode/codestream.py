"""Headers of the compressed pixels in a DICOM file: JPEG, JPEG-LS, JPEG 2000.

They are parsed from their beginning, so that a long header is no obstacle. All
checks raise `BadFile`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from xray_tfds.decode import containers
from xray_tfds.decode import errors
from xray_tfds.decode import limits

# Second byte of the JPEG markers that hold the size: SOF (ITU-T T.81, table
# B.1, without DHT, JPG and DAC) and that of JPEG-LS (T.87, C.1.1).
_FRAME_HEADERS = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC))
_FRAME_HEADERS += (*range(0xCD, 0xD0), 0xF7)
_JPEG_START = b"\xff\xd8"

_JPEG_2000_START = b"\xff\x4f\xff\x51"
_JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_JP2_CODESTREAM = b"jp2c"


# Ends JPEG, JPEG-LS and JPEG 2000 alike; behind it may be padding.
_END = b"\xff\xd9"


class _Header(NamedTuple):
    """What a header says of the image, and where it ends."""

    width: int
    height: int
    samples: int
    end: int


def check(frame: bytes, size: tuple[int, int], samples: int) -> None:
    """Refuses compressed pixels that are cut, or not those of the file.

    Args:
        frame: The compressed image.
        size: `(width, height)` that the DICOM header promises.
        samples: How many of each pixel it promises. OpenJPEG takes 4 bytes for
            each, as many as 16,384 of them.
    """
    header = _parse_jpeg_2000(frame) or _parse_jpeg(frame)
    if header is None or (header.width, header.height) != size:
        found = f"{header.width}x{header.height}" if header else "none"
        raise errors.BadFile(
            "unreadable",
            f"the header promises {size[0]}x{size[1]} pixels, the compressed"
            f" data {found}",
        )
    if header.samples != samples:
        raise errors.BadFile(
            "unreadable",
            f"the header promises {samples} samples a pixel, the compressed"
            f" data {header.samples}",
        )
    if frame.rfind(_END, header.end) < 0:
        raise errors.BadFile("truncated", "no end marker behind the pixels")


def check_rle(frame: bytes, num_pixels: int, num_segments: int) -> None:
    """Refuses RLE pixels that unpack to more than the image has.

    PS3.5, G.3 and G.4: segments, each of one byte of every pixel. A run of two
    bytes unpacks to up to 128, and pydicom does not look at the size before it
    has unpacked all.

    Args:
        frame: The compressed image.
        num_pixels: How many pixels the DICOM header promises.
        num_segments: How many bytes each of them has.
    """
    most = 2 * num_pixels + 1024  # Some encoders leave padding.
    number, *starts = struct.unpack_from("<16I", frame)
    if number != num_segments:
        raise errors.BadFile(
            "unreadable",
            f"RLE of {number} segments; the header promises {num_segments}",
        )
    for start, end in zip(starts[:number], [*starts[1:number], len(frame)]):
        segment = frame[start:end]
        # A run has one byte more than it unpacks to at most, if it does at all.
        if len(segment) > 2 * most or _unpacked_size(segment, most) > most:
            raise errors.BadFile(
                "unreadable", f"RLE that unpacks to more than {most} bytes"
            )


def _unpacked_size(segment, most):
    """Returns the bytes that runs unpack to, or some number above `most`."""
    size = position = num_empty = 0
    while position < len(segment) and size <= most:
        head = segment[position]
        if head < 128:
            size += head + 1
            position += head + 2
        elif head > 128:
            size += 257 - head
            position += 2
        else:  # 128 unpacks to nothing.
            num_empty += 1
            limits.check_parts(num_empty, "empty runs")
            position += 1
    return size


def _parse_jpeg(frame):
    """Walks the markers of a JPEG or JPEG-LS up to the image's size."""
    if not frame.startswith(_JPEG_START):
        return None
    position = len(_JPEG_START)
    while position + 10 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        length, _, height, width, samples = struct.unpack_from(
            ">HBHHB", frame, position + 2
        )
        if marker in _FRAME_HEADERS:
            containers.check_jpeg_header(frame)
            containers.check_jpeg_scans(frame)
            return _Header(width, height, samples, position + 2 + length)
        # A marker may be preceded by any number of bytes FF.
        position += 1 if marker == 0xFF else 2 + length
    return None


def _parse_jpeg_2000(frame):
    """Reads a JPEG 2000 codestream's first marker segment, SIZ.

    ITU-T T.800, A.5.1: the image's extent, its offset, then those of its tiles,
    and the number of samples, there called components.
    """
    start = _find_codestream(frame)
    if frame[start : start + 4] != _JPEG_2000_START:
        return None
    end = start + 42
    if len(frame) < end:
        return None
    right, bottom, left, top, tile_width, tile_height, _, _, samples = (
        struct.unpack_from(">8IH", frame, start + 8)
    )
    tiles = -(-right // max(tile_width, 1)) * -(-bottom // max(tile_height, 1))
    limits.check_parts(tiles, "tiles", limits.MAX_JPEG_2000_TILES)
    return _Header(right - left, bottom - top, samples, end)


def _find_codestream(frame):
    """Returns where the codestream begins: behind the boxes of a JP2 file.

    ITU-T T.800, I.4: a box has its length, its type and, if the length is 1,
    one of 64 bits; 0 stands for all that is left.
    """
    if not frame.startswith(_JP2_SIGNATURE):
        return 0
    position = 0
    while position + 16 <= len(frame):
        length, kind, long_length = struct.unpack_from(">I4sQ", frame, position)
        if kind == _JP2_CODESTREAM:
            return position + (16 if length == 1 else 8)
        length = long_length if length == 1 else length
        if length < 8:
            break
        position += length
    return len(frame)
