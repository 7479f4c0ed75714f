"""One file's bytes -> pixels of a mode and a size.

Decoding, colour conversion and resizing are PIL's, in the order and with the
arguments of `keras.utils.load_img`, so that the pixels are those a user of
`flow_from_directory` has today. They happen once, when the dataset is built:
no TensorFlow operation reproduces PIL's filters.
"""

from __future__ import annotations

import re
import struct

from PIL import Image
import numpy as np

# Colour mode -> number of channels; the names of `keras.utils.load_img`.
COLOR_MODES = {"grayscale": 1, "rgb": 3, "rgba": 4}

# Interpolation -> PIL filter; the names of `keras.utils.load_img`. All but
# `nearest` are area-aware (antialiased) when they shrink an image.
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "hamming": Image.Resampling.HAMMING,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}

# The formats a folder may hold, judged by content; all but DICOM are PIL's.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "PPM", "DICOM")

# What a file is named that its owner means as an image.
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".ppm"),
    *(".dcm", ".dicom"),
)

# How `harmonize` gets one aspect: a centred box, or all of the image on black.
FITS = ("crop", "pad")

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),  # BigTIFF
    (b"MM\x00+", "TIFF"),
)

# Sizes of the information header of a BMP: OS/2 1, Windows 3, the two
# undocumented extensions of it, OS/2 2, Windows 4 and 5.
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)

# A magic number, then a number or a comment (Netpbm's manual, pgm and ppm).
_PPM_START = re.compile(rb"P[56]\s+[\d#]")

# First group and element of a DICOM data set: of the file meta information, or
# of the group in which every image's begins (PS3.10, 7.1; PS3.3, C.12.1).
_BARE_STARTS = tuple(
    bytes.fromhex(tag)
    for tag in ("02000000", "08000000", "08000100", "08000500", "08000800")
    + ("08001600",)
)
_BARE_DICOM = "DICOM without the preamble of a file: save it as DICOM Part 10"

# How the brands of pictures begin, such as heic; those of videos are others.
# https://nokiatech.github.io/heif/technical.html
_HEIF_BRANDS = (b"he", b"mif", b"msf", b"avif", b"avis")

# What comes first in a ZIP archive that is a table or a text.
_OFFICE_STARTS = (
    *(b"[Content_Types].xml", b"docProps/", b"_rels/", b"xl/", b"word/"),
    b"mimetypeapplication/vnd.oasis",
)

# How files begin that are no film as they are: position, bytes, what they are.
# They are named, not called "not an image".
_OTHER_IMAGES = (
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  \r\n", "JPEG 2000"),
    *((4, b"ftyp" + brand, "HEIF or AVIF") for brand in _HEIF_BRANDS),
    (0, b"%PDF-", "PDF"),
    (344, b"n+1\x00", "NIfTI"),
)
_OTHER_FILES = (
    *(
        (30, start, "a document of an office program")
        for start in _OFFICE_STARTS
    ),
    (0, b"PK\x03\x04", "a ZIP archive: unpack it"),
    (0, b"\x1f\x8b", "compressed by gzip: unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (0, b"Rar!\x1a\x07", "a RAR archive: unpack it"),
    (257, b"ustar", "a tar archive: unpack it"),
    (0, b"version https://git-lfs", "a pointer of Git LFS: git lfs pull"),
    (0, b"<!DOCTYPE html", "a web page, not the film that was to be fetched"),
    (0, b"<html", "a web page, not the film that was to be fetched"),
)


class ImageError(ValueError):
    """A file whose content is not an image that can be used."""


def sniff_format(data: bytes) -> str | None:
    """Returns which of `FORMATS` the bytes begin like, or `None`."""
    # First, because the 128 free bytes before it may hold another format's
    # header: PS3.10, 7.1.
    if data[128:132] == b"DICM":
        return "DICOM"
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    # "BM" and "P5" begin many a text, so more of the header has to agree.
    if data[:2] == b"BM" and len(data) >= 18:
        (header_size,) = struct.unpack("<I", data[14:18])
        return "BMP" if header_size in _BMP_HEADER_SIZES else None
    return "PPM" if _PPM_START.match(data) else None


def name_other_image(data: bytes) -> str:
    """Returns what a film is that is not read; empty if it is none."""
    name = _find(data, _OTHER_IMAGES)
    return name and f"{name} is not read; convert it"


def name_other_file(data: bytes) -> str:
    """Returns what may hold, or stand for, a film; empty if it is nothing."""
    if data[:4] in _BARE_STARTS:
        return _BARE_DICOM
    return _find(data, _OTHER_FILES)


def _find(data: bytes, kinds: tuple[tuple[int, bytes, str], ...]) -> str:
    for position, signature, name in kinds:
        if data[position : position + len(signature)] == signature:
            return name
    return ""


def convert_and_resize(
    image: Image.Image,
    *,
    color_mode: str = "grayscale",
    image_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> np.ndarray:
    """Brings a decoded image to the colour mode and size of a record.

    The conversion is PIL's, as in Keras. Palettes are looked up. Grey is the
    luma of ITU-R BT.601, .299 R + .587 G + .114 B, rounded. Alpha is dropped,
    never blended: the colour behind a transparent pixel shows. CMYK becomes
    RGB as (255 - C)(255 - K) / 255 and so on, without a colour profile.

    Args:
        image: `PIL.Image.Image`, loaded.
        color_mode: One of `COLOR_MODES`.
        image_size: `(height, width)` in pixels, or `None` to keep the size.
        interpolation: One of `INTERPOLATIONS`, used if the size changes.
        keep_aspect_ratio: Whether to cut the largest centred box of the
            target's aspect out of the image first, instead of distorting it.

    Returns:
        `[height, width, channels]`: uint8; for 16- and 32-bit grey images in
        colour mode `grayscale` uint16 and int32, which PIL leaves unconverted.

    Raises:
        ImageError: If PIL knows no conversion from the image's mode.
    """
    image = _convert(image, color_mode)
    if image_size is not None:
        image = _resize(image, image_size, interpolation, keep_aspect_ratio)
    pixels = np.asarray(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _convert(image, color_mode):
    mode = "L" if color_mode == "grayscale" else color_mode.upper()
    # Keras keeps 16- and 32-bit grey values as they are.
    kept = ("L", "I;16", "I") if mode == "L" else (mode,)
    if image.mode in kept:
        return image
    try:
        return image.convert(mode)
    except ValueError as error:
        raise ImageError(f"cannot convert {image.mode} to {mode}") from error


def _resize(image, image_size, interpolation, keep_aspect_ratio):
    height, width = image_size
    if image.size == (width, height):
        return image
    box = _aspect_box(image.size, image_size) if keep_aspect_ratio else None
    return image.resize((width, height), INTERPOLATIONS[interpolation], box=box)


def _aspect_box(size, image_size):
    """Returns the largest centred box of the target's aspect, as in Keras."""
    width, height = size
    target_height, target_width = image_size
    crop_height = min(height, (width * target_height) // target_width)
    crop_width = min(width, (height * target_width) // target_height)
    top = (height - crop_height) // 2
    left = (width - crop_width) // 2
    return (left, top, left + crop_width, top + crop_height)


def harmonize(
    image: Image.Image,
    *,
    image_size: tuple[int, int],
    fit: str,
    effective_size: int,
) -> np.ndarray:
    """Brings an image to one aspect, one resolution and grey.

    Every image is first reduced to the same number of pixels, then resized:
    what was large and what was small end with the same finest detail. Both
    steps filter with PIL's Lanczos, which widens with the reduction.

    `fit="pad"` keeps all of the image, and its black borders tell the aspect;
    `fit="crop"` hides the aspect and cuts two sides off.

    Args:
        image: `PIL.Image.Image` of 8 bits, loaded.
        image_size: `(height, width)` of the result, in pixels.
        fit: One of `FITS`.
        effective_size: To how many pixels the longer side (`pad`), or the
            shorter side of the box (`crop`), is brought first. An image for
            which `is_below` holds is enlarged and stays recognisably soft.

    Returns:
        uint8 `[height, width, 1]`.

    Raises:
        ValueError: If `fit` is unknown or the image does not have 8 bits.
    """
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            f"`image` must have 8 bits. Received: image.mode={image.mode!r}"
        )
    box = _fit_box(image.size, image_size, fit)
    shape = (box[2] - box[0], box[3] - box[1])
    if fit == "crop":
        # The target's own aspect, of which the box is a rounded copy.
        shape = (image_size[1], image_size[0])
    side = min(shape) if fit == "crop" else max(shape)
    reduced = _convert(image, "grayscale").resize(
        _scaled(shape, effective_size / side),
        INTERPOLATIONS["lanczos"],
        box=box,
    )
    height, width = image_size
    scale = min(width / reduced.width, height / reduced.height)
    inner = (width, height) if fit == "crop" else _scaled(reduced.size, scale)
    canvas = Image.new("L", (width, height))
    corner = ((width - inner[0]) // 2, (height - inner[1]) // 2)
    canvas.paste(reduced.resize(inner, INTERPOLATIONS["lanczos"]), corner)
    return np.asarray(canvas)[..., np.newaxis]


def is_below(
    size: tuple[int, int],
    *,
    image_size: tuple[int, int],
    fit: str,
    effective_size: int,
) -> bool:
    """Tells whether an image has too few pixels to be harmonized.

    Args:
        size: `(width, height)` in pixels, as of `PIL.Image.Image`.
        image_size: As in `harmonize`, like the other arguments.
        fit: As in `harmonize`.
        effective_size: As in `harmonize`.

    Returns:
        Whether `harmonize` would have to invent pixels.
    """
    left, top, right, bottom = _fit_box(size, image_size, fit)
    sides = (right - left, bottom - top)
    return (min(sides) if fit == "crop" else max(sides)) < effective_size


def _fit_box(size, image_size, fit):
    if fit not in FITS:
        raise ValueError(
            f"`fit` must be one of {', '.join(FITS)}. Received: fit={fit!r}"
        )
    return _aspect_box(size, image_size) if fit == "crop" else (0, 0, *size)


def _scaled(size, scale):
    return tuple(max(1, round(side * scale)) for side in size)
