"""Images that cost a decoder much for what they are; no DICOM."""

import io
import struct
import zlib

from PIL import Image
import numpy as np

MILLION = 1_000_000


def saved(image_format, size=64, **options):
    rows = np.add.outer(np.arange(size), np.arange(size)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rows).save(buffer, image_format, **options)
    return buffer.getvalue()


def jpeg_of_scans(number):
    data = saved("JPEG", 2000, progressive=True, quality=50)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * number + b"\xff\xd9"


def jpeg_of_segments():
    data = saved("JPEG")
    return data[:2] + b"\xff\xe5\x00\x02" * MILLION + data[2:]


def png_chunk(kind, body):
    """Returns a chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def png_of_chunks(kind, body, number):
    data = saved("PNG")
    return data[:33] + png_chunk(kind, body) * number + data[33:]


def _tiff(entries, tail=b"", following=0):
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return head + directory + struct.pack("<I", following) + tail


def _tiff_entries(strips, offsets_at, counts_at):
    return [
        (256, 4, 1, 64),
        (257, 4, 1, MILLION),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, strips, offsets_at),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, strips, counts_at),
    ]


def tiff_of_strips():
    start = 14 + 9 * 12
    entries = _tiff_entries(MILLION, start, start + 4 * MILLION)
    offsets = struct.pack("<I", start) * MILLION
    return _tiff(entries, offsets + struct.pack("<I", 64) * MILLION)


def tiff_of_directories():
    start = 14 + 9 * 12
    entries = _tiff_entries(1, start, 64 * 64)
    entries[1] = (257, 4, 1, 64)
    entries[7] = (278, 4, 1, 64)
    film = np.arange(4096).astype(np.uint8).tobytes()
    first = start + len(film)
    chain = b"".join(
        struct.pack("<HHHIII", 1, 254, 4, 1, 0, first + 18 * (index + 1))
        for index in range(MILLION // 2)
    )
    return _tiff(entries, film + chain + bytes(6), first)


def bmp_of_runs(data, height, width):
    """Returns a grey BMP of compression RLE8."""
    header = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0
    )
    palette = b"".join(bytes([n, n, n, 0]) for n in range(256))
    size = 14 + len(header) + len(palette)
    start = struct.pack("<2sIHHI", b"BM", size + len(data), 0, 0, size)
    return start + header + palette + data


def _jpeg_with(segments):
    """A JPEG without resolution, for which PIL looks elsewhere."""
    data = saved("JPEG")
    (length,) = struct.unpack(">H", data[4:6])  # Of JFIF's segment.
    return data[:2] + b"".join(segments) + data[4 + length :]


def _segments(marker, start, body):
    size = 65_533 - len(start)
    for at in range(0, len(body), size):
        part = start + body[at : at + size]
        yield struct.pack(">HH", marker, 2 + len(part)) + part


def jpeg_of_fractions():
    directory = _tiff(
        [(282, 5, MILLION, 38), (296, 3, 1, 2)],
        struct.pack("<II", 1, 1) * MILLION,
    )
    return _jpeg_with(_segments(0xFFE1, b"Exif\0\0", directory))


def jpeg_of_photoshop_blocks():
    blocks = (b"8BIM\x04\x00\0\0" + bytes(4)) * (4 * MILLION)
    size = 12 * 5000
    start = b"Photoshop 3.0\0"
    return _jpeg_with(
        part
        for at in range(0, len(blocks), size)
        for part in _segments(0xFFED, start, blocks[at : at + size])
    )


def tiff_of_scans():
    stream = jpeg_of_scans(1000)
    start = 14 + 9 * 12
    entries = _tiff_entries(1, start, len(stream))
    entries[0] = (256, 4, 1, 2000)
    entries[1] = (257, 4, 1, 2000)
    entries[3] = (259, 3, 1, 7)
    entries[7] = (278, 4, 1, 2000)
    return _tiff(entries, stream)
