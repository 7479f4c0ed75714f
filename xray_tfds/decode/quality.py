"""One file's bytes -> all of its pixels, or the reason why there are none.

What is detected, and what is not:

- A file that ends early is detected in every format. A JPEG also where zeros,
  or a new end marker, took the place of what is missing, which PIL shows as
  grey; unless fewer than 8 bytes are missing, or it is progressive and has an
  end marker. Zeros in the place of missing pixels are valid black in BMP, PPM
  and uncompressed TIFF and DICOM.
- A flipped byte is detected wherever it falls in a PNG, by the checksums. JPEG,
  BMP, TIFF, PPM and DICOM have none: there it is detected if it breaks a header
  or stops the decoder; else it has made another valid image.
"""

from __future__ import annotations

import dataclasses
import re

from PIL import BmpImagePlugin
from PIL import Image
from PIL import ImageFile
from PIL import JpegImagePlugin
from PIL import PngImagePlugin
from PIL import PpmImagePlugin
from PIL import TiffImagePlugin
import numpy as np

from xray_tfds.decode import containers
from xray_tfds.decode import dicom
from xray_tfds.decode import errors
from xray_tfds.decode import grey_scale
from xray_tfds.decode import images
from xray_tfds.decode import limits as limits_lib
from xray_tfds.decode import quiet

BadFile = errors.BadFile
REASONS = tuple(errors.REASONS)

# Called without `Image.open`, which warns of large images before the limit can
# be looked at, and takes a JPEG with a preview behind it for two frames.
_OPENERS = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}

# Modes that PIL converts to each of `images.COLOR_MODES`.
_MODES_OF_8_BITS = (
    *("1", "L", "LA", "P", "PA"),
    *("RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr"),
)
_MODES_OF_16_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")

# How PIL words that a file has ended, and that it was built without a codec.
_ENDED = re.compile("truncat|not enough|end of file|EOF", re.IGNORECASE)
_NO_CODEC = re.compile("decoder .* not available")

# Behind the signature: length and name of IHDR, width, height.
_PNG_DEPTH_AT = 24
_TIFF_BITS_PER_SAMPLE = 258
_TIFF_PHOTOMETRIC = 262
_TIFF_WHITE_IS_ZERO = 0


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A file whose every pixel has been decoded.

    Attributes:
        image: `PIL.Image.Image`, loaded, of 8 bits or fewer, in a mode that
            `images.convert_and_resize` and `images.harmonize` take.
        format: One of `images.FORMATS`, judged by content.
        mode: PIL's name for how the file holds its pixels (`I;16`: 16-bit
            grey); for DICOM the photometric interpretation.
        width: In pixels.
        height: In pixels.
        patient_id: DICOM PatientID as in the file, or `None`. It identifies a
            person: hash it before it is written anywhere.
        grey_part: Which part of the grey scale that the file declares was
            mapped to 8 bits, such as "0 to 4095 of 0 to 65535"; empty where it
            was all of it.
    """

    image: Image.Image
    format: str
    mode: str
    width: int
    height: int
    patient_id: str | None = None
    grey_part: str = ""


def decode(
    data: bytes,
    *,
    min_image_size: int = 32,
    max_image_pixels: int = 100_000_000,
) -> Decoded:
    """Decodes every pixel of a file, or says why it cannot be used.

    Grey values of 16 bits are mapped to 8 as `grey_scale` says, since detectors
    of 12 and 14 bits leave their values in files of 16; in PPM after PIL has
    applied the header's maximum.
    A TIFF whose zero is white is inverted, in 16 bits as PIL does in 8.
    `dicom.decode` says how DICOM is mapped. The EXIF orientation of a JPEG or
    PNG is left alone, as in Keras; that of a TIFF is applied, as by PIL.

    May be called from any thread.

    Args:
        data: Content of the file, bytes.
        min_image_size: Pixels that each side must have.
        max_image_pixels: Pixels that the header may promise: checked before
            anything is decoded. For TIFF and compressed DICOM, PIL's own
            `Image.MAX_IMAGE_PIXELS` holds as well.

    Returns:
        A `Decoded`.

    Raises:
        BadFile: If the file must be left out.
        ImportError: If it is DICOM and pydicom is not installed.
        MemoryError: If the machine has too little memory, whatever the file.
        RuntimeError: If PIL was set to accept truncated files.
    """
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise RuntimeError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES must be False, or grey takes"
            " the place of missing pixels. Received: LOAD_TRUNCATED_IMAGES=True"
        )
    quiet.silence()
    file_format = _identify(data)
    limits = {
        "min_image_size": min_image_size,
        "max_image_pixels": max_image_pixels,
    }
    patient_id = None
    if file_format == "DICOM":
        image, mode, patient_id, grey_part = dicom.decode(data, **limits)
    else:
        image, grey_part, mode = _decode_with_pil(data, file_format, **limits)
    if _is_constant(image):
        raise BadFile("constant", "every pixel has the same value in 8 bits")
    width, height = image.size
    return Decoded(
        image, file_format, mode, width, height, patient_id, grey_part
    )


def _identify(data):
    if not data:
        raise BadFile("empty", "the file has no bytes")
    file_format = images.sniff_format(data)
    if file_format:
        return file_format
    if other := images.name_other_image(data):
        raise BadFile("unsupported", other)
    if other := images.name_other_file(data):
        raise BadFile("not an image", other)
    # What it begins with is not quoted: it may be a name.
    raise BadFile(
        "not an image", f"its content is none of {', '.join(images.FORMATS)}"
    )


def _decode_with_pil(data, file_format, *, min_image_size, max_image_pixels):
    """Returns the image in 8 bits, part of the grey scale, and mode."""
    if file_format == "PNG":
        containers.check_png(data)
    elif file_format == "TIFF":
        containers.check_tiff(data)
    elif file_format == "JPEG":
        containers.check_jpeg_header(data)
    num_pixels = 0
    try:
        stream = limits_lib.MeteredStream(data)
        image = _OPENERS[file_format](stream)
        mode = image.mode
        if file_format == "TIFF" and Image.MAX_IMAGE_PIXELS:
            max_image_pixels = min(max_image_pixels, Image.MAX_IMAGE_PIXELS)
        errors.check_size(image.size, min_image_size, max_image_pixels)
        num_pixels = image.width * image.height
        _check_layout(image)
        if file_format == "BMP":
            # PIL reads each run of compressed pixels on its own.
            stream.allow(2 * num_pixels)
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            _load_jpeg(image, stream, data)
        image.load()
        _check_depth(image, data)
        return *_to_8_bits(image), mode
    except (BadFile, MemoryError, Warning):
        # With `-W error`, a warning of another module is no fault of the file.
        raise
    except Exception as error:
        # PIL's decoders raise whatever a corrupt file leads them to: OSError,
        # SyntaxError, struct.error, ValueError, KeyError, ...
        limits_lib.check_machine(error, num_pixels)
        raise _translate(error, data, file_format) from None


def _translate(error, data, file_format):
    """Returns PIL's error in our words: its own may quote the file."""
    kind = type(error).__name__
    if _NO_CODEC.search(str(error)):
        return BadFile(
            "unsupported",
            f"this Pillow was built without a codec for this {file_format}."
            " Install Pillow's wheel: pip install --force-reinstall pillow",
        )
    if _ENDED.search(str(error)) or (
        file_format == "TIFF" and containers.points_behind_end(data)
    ):
        return BadFile("truncated", f"the {file_format} ends early ({kind})")
    return BadFile("unreadable", f"the {file_format} is corrupt ({kind})")


def _load_jpeg(image, stream, data):
    """Decodes a JPEG, and refuses one whose pixels PIL makes up."""
    span = containers.expose_jpeg_end(image, stream, data)
    # In one piece, not in pieces of 64 KiB: a tenth of a millisecond.
    image.decodermaxblock = len(data)
    image.load()
    if span:
        containers.check_jpeg_filling(image, data, *span)


def _check_layout(image):
    """Refuses what PIL would decode only in part, or not as 8 or 16 bits."""
    if getattr(image, "is_animated", False):
        raise BadFile("several frames", f"a {image.format} of several images")
    if image.mode not in _MODES_OF_8_BITS + _MODES_OF_16_BITS:
        raise BadFile(
            "unsupported",
            f"pixels of PIL's mode {image.mode}: convert it to 8 or 16 bits",
        )
    containers.check_coverage(image)


def _check_depth(image, data):
    """Refuses colour of 16 bits that uses 14 or fewer of them.

    PIL keeps the upper 8 bits of each, so that a film of 12 bits would be left
    with 16 levels of grey.
    """
    depth = data[_PNG_DEPTH_AT] if image.format == "PNG" else 8
    depths = getattr(image, "tag_v2", {}).get(_TIFF_BITS_PER_SAMPLE, (depth,))
    if 16 not in depths or image.mode not in ("LA", "RGB", "RGBA", "RGBX"):
        return
    number = 1 if image.mode == "LA" else 3  # Alpha comes last.
    highest = max(high for _, high in image.getextrema()[:number])
    if highest < 64:
        raise BadFile(
            "unsupported",
            f"colour of 16 bits whose values end below {256 * (highest + 1)}:"
            " only the upper 8 bits are read. Convert it to grey of 16 bits",
        )


def _to_8_bits(image):
    """Returns the image in 8 bits, and which part of its range was used."""
    if image.mode in _MODES_OF_8_BITS:
        return image, ""
    grey = grey_scale.of_16_bits(np.asarray(image))
    pixels = grey.to_8_bits()
    if _is_white_zero(image):
        pixels = 255 - pixels
    return Image.fromarray(pixels), grey.part


def _is_white_zero(image):
    tags = getattr(image, "tag_v2", {})
    return tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO


def _is_constant(image):
    """Whether all pixels have one colour, whatever the alpha."""
    width, height = image.size
    if image.mode in ("L", "RGB"):
        # Three pixels settle it for nearly every film.
        corner = image.getpixel((0, 0))
        for point in ((width // 2, height // 2), (width // 3, height // 2)):
            if image.getpixel(point) != corner:
                return False
    keeps_mode = image.mode in ("1", "L", "RGB")
    colours = image if keeps_mode else image.convert("RGB")
    return bool(
        np.all(np.ptp(np.atleast_2d(colours.getextrema()), axis=1) == 0)
    )
