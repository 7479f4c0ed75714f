"""What crafted files cost: seconds and memory of each, decoded or refused.

    python benchmarks/crafted_files.py [--only=NAME]

Each file is small for what it can make a decoder do: unpack to gigabytes, walk
millions of parts, pass a thousand times over its pixels. It is decoded in a
process of its own. Prints a table, and exits with 1 if a file took more than
2 seconds of a core or 600 MB. Needs the extra `dicom`.
"""

import argparse
import io
import multiprocessing
import os
import resource
import struct
import sys
import time
import warnings
import zlib

from PIL import Image
import numpy as np

MAX_SECONDS = 2.0
MAX_MEGABYTES = 600

_MILLION = 1_000_000
_META = (
    b"\0" * 128
    + b"DICM"
    + b"\x02\0\x02\0UI\x1a\x001.2.840.10008.5.1.4.1.1.1\0"
    + b"\x02\0\x03\0UI\x04\x001.2\0"
)


def _element(tag, vr, value):
    """An element of explicit VR, little endian."""
    group, number = tag >> 16, tag & 0xFFFF
    if vr in (b"OB", b"OW", b"SQ", b"UN"):
        head = struct.pack("<HH2sHI", group, number, vr, 0, len(value))
    else:
        head = struct.pack("<HH2sH", group, number, vr, len(value))
    return head + value


def _film_elements(size=64, bits=8):
    """The elements of a grey film before its pixels, in order."""
    number = struct.Struct("<H").pack
    return [
        _element(0x00100020, b"LO", b"p1"),
        _element(0x00280002, b"US", number(1)),
        _element(0x00280004, b"CS", b"MONOCHROME2 "),
        _element(0x00280010, b"US", number(size)),
        _element(0x00280011, b"US", number(size)),
        _element(0x00280100, b"US", number(bits)),
        _element(0x00280101, b"US", number(bits)),
        _element(0x00280102, b"US", number(bits - 1)),
        _element(0x00280103, b"US", number(0)),
    ]


def _dicom(*, syntax=b"1.2.840.10008.1.2.1\0", before=b"", pixels=None):
    if pixels is None:
        film = np.arange(4096).astype(np.uint8).tobytes()
        pixels = _element(0x7FE00010, b"OW", film)
    return (
        _META
        + _element(0x00020010, b"UI", syntax)
        + b"".join(_film_elements())
        + before
        + pixels
    )


def _deflated(padding):
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(_film_elements())
    packed = body.compress(packed)
    private = struct.pack("<HH2sHI", 0x29, 0x10, b"OB", 0, 500 * _MILLION)
    packed += body.compress(private)
    zeros = bytes(_MILLION)
    packed += b"".join(body.compress(zeros) for _ in range(500))
    film = np.arange(4096).astype(np.uint8).tobytes()
    packed += body.compress(_element(0x7FE00010, b"OW", film)) + body.flush()
    long_first = _element(0x00020001, b"OB", bytes(padding))
    syntax = _element(0x00020010, b"UI", b"1.2.840.10008.1.2.1.99")
    return _META[:132] + long_first + _META[132:] + syntax + packed


def _encapsulated(fragments):
    item = struct.Struct("<HHI").pack
    return (
        struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
        + item(0xFFFE, 0xE000, 0)
        + b"".join(item(0xFFFE, 0xE000, len(each)) + each for each in fragments)
        + item(0xFFFE, 0xE0DD, 0)
    )


def _rle(segment):
    header = struct.pack("<16I", 1, 64, *[0] * 14)
    pixels = _encapsulated([header + segment])
    return _dicom(syntax=b"1.2.840.10008.1.2.5\0", pixels=pixels)


def _sequence(items, tag=0x00290010, defined=False):
    if defined:
        return _element(tag, b"SQ", items)
    head = struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, b"SQ", 0, 0xFFFFFFFF)
    return head + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _jpeg_2000_of_many_tiles():
    # Lengths, capabilities; extent, offset; those of the tiles; a component.
    siz = struct.pack(
        ">HH8IH3B", 41, 0, 8000, 8000, 0, 0, 1, 1, 0, 0, 1, 7, 1, 1
    )
    stream = b"\xff\x4f\xff\x51" + siz + bytes(4096) + b"\xff\xd9"
    data = _dicom(
        syntax=b"1.2.840.10008.1.2.4.90", pixels=_encapsulated([stream])
    )
    old = _element(0x00280010, b"US", struct.pack("<H", 64))
    new = _element(0x00280010, b"US", struct.pack("<H", 8000))
    data = data.replace(old, new)
    return data.replace(
        old[:2] + b"\x11" + old[3:], new[:2] + b"\x11" + new[3:]
    )


def _saved(image_format, size=64, **options):
    rows = np.add.outer(np.arange(size), np.arange(size)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rows).save(buffer, image_format, **options)
    return buffer.getvalue()


def _jpeg_of_scans(number):
    data = _saved("JPEG", 2000, progressive=True, quality=50)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * number + b"\xff\xd9"


def _jpeg_of_segments():
    data = _saved("JPEG")
    return data[:2] + b"\xff\xe5\x00\x02" * _MILLION + data[2:]


def png_chunk(kind, body):
    """Returns a chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def _png_of_chunks(kind, body, number):
    data = _saved("PNG")
    return data[:33] + png_chunk(kind, body) * number + data[33:]


def _tiff(entries, tail=b"", following=0):
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return head + directory + struct.pack("<I", following) + tail


def _tiff_entries(strips, offsets_at, counts_at):
    return [
        (256, 4, 1, 64),
        (257, 4, 1, _MILLION),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, strips, offsets_at),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, strips, counts_at),
    ]


def _tiff_of_strips():
    start = 14 + 9 * 12
    entries = _tiff_entries(_MILLION, start, start + 4 * _MILLION)
    offsets = struct.pack("<I", start) * _MILLION
    return _tiff(entries, offsets + struct.pack("<I", 64) * _MILLION)


def _tiff_of_directories():
    start = 14 + 9 * 12
    entries = _tiff_entries(1, start, 64 * 64)
    entries[1] = (257, 4, 1, 64)
    entries[7] = (278, 4, 1, 64)
    film = np.arange(4096).astype(np.uint8).tobytes()
    first = start + len(film)
    chain = b"".join(
        struct.pack("<HHHIII", 1, 254, 4, 1, 0, first + 18 * (index + 1))
        for index in range(_MILLION // 2)
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


def _implicit(tag, value):
    """A DICOM film of implicit VR with a long element."""
    elements = [
        (0x00280002, b"\1\0"),
        (0x00280004, b"MONOCHROME2 "),
        (0x00280010, b"\x40\0"),
        (0x00280011, b"\x40\0"),
        (0x00280100, b"\x08\0"),
        (0x00280101, b"\x08\0"),
        (0x00280102, b"\x07\0"),
        (0x00280103, b"\0\0"),
        (0x00281051, b"20"),
        (0x7FE00010, np.arange(4096).astype(np.uint8).tobytes()),
        (tag, value),
    ]
    return (
        _META
        + _element(0x00020010, b"UI", b"1.2.840.10008.1.2\0")
        + b"".join(
            struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value
            for tag, value in sorted(elements)
        )
    )


_EMPTY_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
_OPEN_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
_OPEN_SEQUENCE = struct.pack("<HH2sHI", 0x29, 0x10, b"SQ", 0, 0xFFFFFFFF)

# Name -> function that makes the file.
BOMBS = {
    "deflated DICOM": lambda: _deflated(2),
    "deflated DICOM, long first element": lambda: _deflated(100_000),
    "DICOM RLE of long runs": lambda: _rle(b"\x81\0" * 10 * _MILLION),
    "DICOM RLE of no runs": lambda: _rle(b"\x80" * 20 * _MILLION),
    "DICOM of a million items": lambda: _dicom(
        before=_sequence(_EMPTY_ITEM * _MILLION)
    ),
    "DICOM of a million nested items": lambda: _dicom(
        before=(_OPEN_SEQUENCE + _OPEN_ITEM) * _MILLION
    ),
    "DICOM of a million elements": lambda: _dicom(
        before=_element(0x00290010, b"CS", b"") * _MILLION
    ),
    "DICOM of a million LUTs": lambda: _dicom(
        before=_sequence(_EMPTY_ITEM * _MILLION, 0x00283010, True)
    ),
    "DICOM of a million fragments": lambda: _dicom(
        syntax=b"1.2.840.10008.1.2.4.50",
        pixels=_encapsulated([b""] * _MILLION),
    ),
    "DICOM of a million windows": lambda: _implicit(
        0x00281050, b"5\\" * 10 * _MILLION
    ),
    "DICOM of a million character sets": lambda: _implicit(
        0x00080005, b"5\\" * 10 * _MILLION
    ),
    "DICOM JPEG 2000 of 64 million tiles": _jpeg_2000_of_many_tiles,
    "PPM, comment of 100 MB": lambda: b"P5\n#"
    + b"x" * 100 * _MILLION
    + b"\n64 64 255\n"
    + bytes(range(64)) * 64,
    "TIFF of a million strips": _tiff_of_strips,
    "TIFF of half a million directories": _tiff_of_directories,
    "JPEG of 1,000 scans": lambda: _jpeg_of_scans(1000),
    "JPEG of a million segments": _jpeg_of_segments,
    "PNG of a million chunks": lambda: _png_of_chunks(b"teSt", b"", _MILLION),
    "PNG, text that unpacks to 200 MB": lambda: _png_of_chunks(
        b"zTXt", b"k\0\0" + zlib.compress(bytes(200 * _MILLION), 1), 1
    ),
    "PNG, profile that unpacks to 200 MB": lambda: _png_of_chunks(
        b"iCCP", b"k\0\0" + zlib.compress(bytes(200 * _MILLION), 1), 1
    ),
    "BMP RLE of 10 million line ends": lambda: bmp_of_runs(
        b"\0\0" * 10 * _MILLION, 64, 64
    ),
}


def judge(data):
    """Returns what became of a file, and the seconds of a core it took."""
    from xray_tfds.decode import quality

    warnings.simplefilter("ignore")
    start = time.process_time()
    try:
        quality.decode(data)
        outcome = "decoded"
    except quality.BadFile as error:
        outcome = str(error)
    return outcome, time.process_time() - start


def _peak():
    """Returns the most memory that this process ever had, in megabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _measure(data, connection):
    judge(_saved("PNG"))
    judge(_dicom())  # Imports pydicom.
    before = _peak()
    outcome, seconds = judge(data)
    connection.send((outcome, seconds, _peak() - before))


def measure(name):
    """Returns outcome, seconds and megabytes of a file, by another process."""
    data = BOMBS[name]()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(data, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        return "crash: the process died", 0.0, 0.0
    finally:
        process.join()


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", metavar="NAME", choices=BOMBS)
    only = parser.parse_args().only
    is_over = False
    print("| file | seconds | MB | outcome |\n|---|---|---|---|")
    for name in [only] if only else BOMBS:
        outcome, seconds, megabytes = measure(name)
        is_over |= seconds > MAX_SECONDS or megabytes > MAX_MEGABYTES
        print(
            f"| {name} | {seconds:.2f} | {megabytes:,.0f} | {outcome[:70]} |",
            flush=True,
        )
    return int(is_over)


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    sys.exit(main())
