"""DICOM files that cost a decoder much for what they are."""

import struct
import zlib

import numpy as np

MILLION = 1_000_000
_META = (
    b"\0" * 128
    + b"DICM"
    + b"\x02\0\x02\0UI\x1a\x001.2.840.10008.5.1.4.1.1.1\0"
    + b"\x02\0\x03\0UI\x04\x001.2\0"
)

EMPTY_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
OPEN_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
OPEN_SEQUENCE = struct.pack("<HH2sHI", 0x29, 0x10, b"SQ", 0, 0xFFFFFFFF)


def element(tag, vr, value):
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
        element(0x00100020, b"LO", b"p1"),
        element(0x00280002, b"US", number(1)),
        element(0x00280004, b"CS", b"MONOCHROME2 "),
        element(0x00280010, b"US", number(size)),
        element(0x00280011, b"US", number(size)),
        element(0x00280100, b"US", number(bits)),
        element(0x00280101, b"US", number(bits)),
        element(0x00280102, b"US", number(bits - 1)),
        element(0x00280103, b"US", number(0)),
    ]


def dicom(*, syntax=b"1.2.840.10008.1.2.1\0", before=b"", pixels=None):
    if pixels is None:
        film = np.arange(4096).astype(np.uint8).tobytes()
        pixels = element(0x7FE00010, b"OW", film)
    return (
        _META
        + element(0x00020010, b"UI", syntax)
        + b"".join(_film_elements())
        + before
        + pixels
    )


def deflated(padding):
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(_film_elements())
    packed = body.compress(packed)
    private = struct.pack("<HH2sHI", 0x29, 0x10, b"OB", 0, 500 * MILLION)
    packed += body.compress(private)
    zeros = bytes(MILLION)
    packed += b"".join(body.compress(zeros) for _ in range(500))
    film = np.arange(4096).astype(np.uint8).tobytes()
    packed += body.compress(element(0x7FE00010, b"OW", film)) + body.flush()
    long_first = element(0x00020001, b"OB", bytes(padding))
    syntax = element(0x00020010, b"UI", b"1.2.840.10008.1.2.1.99")
    return _META[:132] + long_first + _META[132:] + syntax + packed


def encapsulated(fragments):
    item = struct.Struct("<HHI").pack
    return (
        struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
        + item(0xFFFE, 0xE000, 0)
        + b"".join(item(0xFFFE, 0xE000, len(each)) + each for each in fragments)
        + item(0xFFFE, 0xE0DD, 0)
    )


def rle(segment):
    header = struct.pack("<16I", 1, 64, *[0] * 14)
    pixels = encapsulated([header + segment])
    return dicom(syntax=b"1.2.840.10008.1.2.5\0", pixels=pixels)


def sequence(items, tag=0x00290010, defined=False):
    if defined:
        return element(tag, b"SQ", items)
    head = struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, b"SQ", 0, 0xFFFFFFFF)
    return head + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def jpeg_2000_of_many_tiles():
    # Lengths, capabilities; extent, offset; those of the tiles; a component.
    siz = struct.pack(
        ">HH8IH3B", 41, 0, 8000, 8000, 0, 0, 1, 1, 0, 0, 1, 7, 1, 1
    )
    stream = b"\xff\x4f\xff\x51" + siz + bytes(4096) + b"\xff\xd9"
    data = dicom(
        syntax=b"1.2.840.10008.1.2.4.90", pixels=encapsulated([stream])
    )
    old = element(0x00280010, b"US", struct.pack("<H", 64))
    new = element(0x00280010, b"US", struct.pack("<H", 8000))
    data = data.replace(old, new)
    return data.replace(
        old[:2] + b"\x11" + old[3:], new[:2] + b"\x11" + new[3:]
    )


def implicit(tag, value):
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
        + element(0x00020010, b"UI", b"1.2.840.10008.1.2\0")
        + b"".join(
            struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value
            for tag, value in sorted(elements)
        )
    )


def _patched(data, tag, value):
    """Returns a film with another value of two bytes in one element."""
    head = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, b"US", 2)
    at = data.index(head) + len(head)
    return data[:at] + struct.pack("<H", value) + data[at + 2 :]


def rle_of_passes(number):
    """RLE whose segments are the same bytes again and again."""
    padding = b"\x80" * 5 * MILLION
    ends = [64, 64 + len(padding)] * 8
    header = struct.pack("<16I", number, *ends[:15])
    pixels = encapsulated([header + padding])
    return dicom(syntax=b"1.2.840.10008.1.2.5\0", pixels=pixels)


def jpeg_2000_of_components(number, side):
    siz = struct.pack(
        ">HH8IH",
        *(38 + 3 * number, 0, side, side, 0, 0, side, side, 0, 0, number),
    )
    # Style of coding: no quality layers to speak of, 5 levels, 64x64 blocks.
    coding = struct.pack(">HHBBHBBBBBB", 0xFF52, 12, 0, 0, 1, 0, 5, 4, 4, 0, 1)
    steps = struct.pack(">HHB16B", 0xFF5C, 19, 0x40, *[0x40] * 16)
    tile = struct.pack(">HHHIBB", 0xFF90, 10, 0, 0, 0, 1) + b"\xff\x93"
    stream = (
        b"\xff\x4f\xff\x51"
        + siz
        + b"\7\1\1" * number
        + coding
        + steps
        + tile
        + bytes(number * 6)
        + b"\xff\xd9"
    )
    data = dicom(
        syntax=b"1.2.840.10008.1.2.4.90", pixels=encapsulated([stream])
    )
    return _patched(_patched(data, 0x00280010, side), 0x00280011, side)


def lut_of_elements():
    item = element(0x00290010, b"CS", b"") * (MILLION // 4)
    head = struct.pack("<HHI", 0xFFFE, 0xE000, len(item))
    return dicom(before=sequence(head + item, 0x00283010, True))
