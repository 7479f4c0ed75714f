"""What can happen to an image file."""

import io
import struct
import zlib

from PIL import Image
import good_files
import numpy as np
import pydicom

# What must become of a mutant.
SAME = "same"  # Decoded, to the pixels of the file it was made of.
REFUSED = "refused"  # Not decoded, whatever the reason.
ORACLE = "oracle"  # Refused if PIL or pydicom refuses it; else either.


def _unchanged(data, name, rng):
    del name, rng
    return data


def _append(data, name, rng):
    extra = rng.bytes(int(rng.integers(1, 200)) * 2)
    if name.startswith("DICOM"):  # PS3.10, 7.2: data set trailing padding.
        extra = (
            struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, len(extra)) + extra
        )
        if name == "DICOM, 8 bits":  # Implicit VR.
            extra = struct.pack("<HHI", 0xFFFC, 0xFFFC, 4) + b"\0\0\0\0"
    return data + extra


def _chunk(kind, body):
    checksum = zlib.crc32(kind + body)
    return (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)
    )


def _change_metadata(data, name, rng):
    note = b"Comment\0" + bytes(rng.integers(65, 90, 40, np.uint8))
    if name.startswith("JPEG"):
        return data[:2] + b"\xff\xfe" + struct.pack(">H", 50) + note + data[2:]
    if name.startswith("PNG"):
        return data[:33] + _chunk(b"tEXt", note) + data[33:]
    if name.startswith("PPM"):
        return data[:3] + b"# " + note[8:] + b"\n" + data[3:]
    if name.startswith("BMP"):  # Pixels per metre.
        return data[:38] + rng.bytes(8) + data[46:]
    # Of the same length, so that nothing moves: the name of a patient in DICOM,
    # the description in TIFF.
    return data.replace(good_files.NOTE, b"Roe^John")


def _cut(data, name, rng):
    del name
    return data[: int(len(data) * rng.uniform(0.02, 0.97))]


def _cut_and_zero(data, name, rng):
    return _cut(data, name, rng).ljust(len(data), b"\0")


def _cut_and_end(data, name, rng):
    del name
    start = data.index(b"\xff\xda") + 40
    end = int(rng.integers(start, len(data) - 20))
    return data[:end].rstrip(b"\xff") + b"\xff\xd9"


def _flip_bits(data, name, rng):
    del name
    values = np.frombuffer(data, np.uint8).copy()
    places = rng.choice(len(values), rng.integers(1, 9), replace=False)
    values[places] ^= np.uint8(1) << rng.integers(0, 8, len(places), np.uint8)
    return values.tobytes()


def _flip_in_header(data, name, rng):
    head = 400 if name.startswith("DICOM") else 64
    return _flip_bits(data[:head], name, rng) + data[head:]


def _overwrite(data, name, rng):
    del name
    start = int(rng.integers(0, len(data) - 64))
    return data[:start] + rng.bytes(64) + data[start + 64 :]


def _behead(data, name, rng):
    """The beginning of one file, the rest of another format's."""
    others = [other for other in good_files.FORMATS if other[:3] != name[:3]]
    other = good_files.FORMATS[others[rng.integers(len(others))]](
        good_files.film(rng), rng
    )
    head = 300 if name.startswith("DICOM") else 24
    return data[:head] + other[head:]


def _text(data, name, rng):
    del data, name
    words = ["BM", "P5 ", "patient,label\n", "<html>", "II", "normal "]
    return "".join(rng.choice(words, rng.integers(1, 300))).encode() + b"\n"


def _empty(data, name, rng):
    del data, name, rng
    return b""


def _zeros(data, name, rng):
    del name, rng
    return bytes(len(data))


def _huge_header(data, name, rng):
    """Promises 65,000 x 65,000 pixels where the size stands."""
    side = int(rng.integers(50_000, 65_000))
    if name.startswith("PNG"):
        header = struct.pack(">II", side, side) + data[24:29]
        return data[:8] + _chunk(b"IHDR", header) + data[33:]
    if name.startswith("BMP"):
        return data[:18] + struct.pack("<ii", side, side) + data[26:]
    if name.startswith("PPM"):
        kind, _, rest = data.split(b"\n", 2)
        return kind + b"\n%d %d\n" % (side, side) + rest
    if name.startswith("JPEG"):
        marker = b"\xff\xc2" if "progressive" in name else b"\xff\xc0"
        at = data.index(marker) + 5
        return data[:at] + struct.pack(">HH", side, side) + data[at + 4 :]
    if name.startswith("TIFF"):
        return _with_tiff_size(data, side)
    for element in (0x10, 0x11):  # Rows, Columns.
        at = data.index(struct.pack("<HH", 0x28, element)) + 8
        data = data[:at] + struct.pack("<H", side) + data[at + 2 :]
    return data


def _with_tiff_size(data, side):
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    changed = bytearray(data)
    for at in range(directory + 2, directory + 2 + 12 * entries, 12):
        tag, kind = struct.unpack_from("<HH", data, at)
        if tag in (256, 257):
            struct.pack_into("<H" if kind == 3 else "<I", changed, at + 8, side)
    return bytes(changed)


def _bomb(data, name, rng):
    """A small file that would unpack to hundreds of megabytes."""
    del data
    if name.startswith("PNG"):
        return _png_bomb(as_text=bool(rng.integers(2)))
    if name.startswith("TIFF"):
        return _TIFF_BOMB
    body = zlib.compressobj(wbits=-15)
    packed = b"".join(body.compress(bytes(2**20)) for _ in range(64))
    syntax = b"1.2.840.10008.1.2.1.99"
    meta = struct.pack("<HH2sH", 2, 16, b"UI", len(syntax)) + syntax
    group = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    return bytes(128) + b"DICM" + group + meta + packed + body.flush()


def _png_bomb(as_text):
    zeros = zlib.compressobj(9)
    packed = b"".join(zeros.compress(bytes(2**20)) for _ in range(64))
    packed += zeros.flush()
    size = (64, 64) if as_text else (22_000, 22_000)
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0))
    kind = b"zTXt" if as_text else b"IDAT"
    body = b"note\0\0" + packed if as_text else packed
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + header + _chunk(kind, body) + _chunk(b"IEND", b"")


_TIFF_BOMB = good_files.saved(
    Image.new("1", (16_000, 16_000)), "TIFF", compression="group4"
)


def _constant(data, name, rng):
    del data
    return good_files.FORMATS[name](
        np.full((70, 90), rng.integers(256), np.uint8), rng
    )


def _several_frames(data, name, rng):
    frames = [
        Image.fromarray(film)
        for film in (good_files.film(rng), good_files.film(rng))
    ]
    frames[1] = frames[1].resize(frames[0].size)
    if name.startswith("TIFF"):
        return good_files.saved(
            frames[0], "TIFF", save_all=True, append_images=frames[1:]
        )
    if name.startswith("PNG"):
        return good_files.saved(
            frames[0], "PNG", save_all=True, append_images=frames[1:]
        )
    ds = pydicom.dcmread(io.BytesIO(data))
    ds.NumberOfFrames = 2
    if not ds.file_meta.TransferSyntaxUID.is_encapsulated:
        ds.PixelData = ds.PixelData * 2
    buffer = io.BytesIO()
    ds.save_as(buffer)
    return buffer.getvalue()


# Name -> what is done, what must become of it.
MUTATIONS = {
    "none": (_unchanged, SAME),
    "wrong extension": (_unchanged, SAME),
    "appended bytes": (_append, SAME),
    "other metadata": (_change_metadata, SAME),
    "cut": (_cut, REFUSED),
    "cut, zeros appended": (_cut_and_zero, ORACLE),
    "cut, end marker appended": (_cut_and_end, REFUSED),
    # PIL sees all scans but the last ones, a softer image: nobody refuses it.
    "cut, end marker appended, progressive": (_cut_and_end, ORACLE),
    "bits flipped": (_flip_bits, ORACLE),
    "bits of the header flipped": (_flip_in_header, ORACLE),
    "64 bytes overwritten": (_overwrite, ORACLE),
    "head of one, body of another": (_behead, ORACLE),
    "text": (_text, REFUSED),
    "no bytes": (_empty, REFUSED),
    "zero bytes": (_zeros, REFUSED),
    "huge header": (_huge_header, REFUSED),
    "bomb": (_bomb, REFUSED),
    "constant image": (_constant, REFUSED),
    "several frames": (_several_frames, REFUSED),
}

# Mutation -> how the names of the only formats begin that it is made of.
ONLY = {
    "cut, end marker appended": ("JPEG",),
    "cut, end marker appended, progressive": ("JPEG, progressive",),
    "bomb": ("PNG", "TIFF", "DICOM"),
    "several frames": ("PNG", "TIFF", "DICOM"),
}
NOT = {"cut, end marker appended": "JPEG, progressive"}

# Mutation -> formats of which all such mutants can be told.
SURE = {"cut, zeros appended": ("JPEG", "PNG")}
