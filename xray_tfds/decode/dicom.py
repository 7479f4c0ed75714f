"""One DICOM file -> 8-bit grey or RGB pixels, and the PatientID.

Nothing else of the file leaves this module: only the elements in `_ELEMENTS`
are parsed at all, and the messages of pydicom, which quote values, are not
passed on.
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

from PIL import Image

from xray_tfds.decode import errors
from xray_tfds.decode import grey_scale

_ELEMENTS = (
    "SpecificCharacterSet",
    "PatientID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "WindowCenter",
    "WindowWidth",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTFunction",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "PixelData",
)

# A file of this transfer syntax is inflated as a whole when its header is read,
# to any size.
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_RLE_LOSSLESS = "1.2.840.10008.1.2.5"

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")

# Second byte of the JPEG markers that hold the size: SOF (ITU-T T.81, table
# B.1, without DHT, JPG and DAC) and that of JPEG-LS (T.87, C.1.1).
_FRAME_HEADERS = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC))
_FRAME_HEADERS += (*range(0xCD, 0xD0), 0xF7)
_JPEG_START = b"\xff\xd8"
_JPEG_2000_START = b"\xff\x4f\xff\x51"


class DecodedDicom(NamedTuple):
    """What is taken from a DICOM file.

    Attributes:
        image: Of mode `L` or `RGB`.
        photometric: The photometric interpretation in the file.
        patient_id: The PatientID in the file, `None` where there is none.
        grey_part: As `grey_scale.Grey.part`.
    """

    image: Image.Image
    photometric: str
    patient_id: str | None
    grey_part: str


def decode(
    data: bytes, *, min_image_size: int, max_image_pixels: int
) -> DecodedDicom:
    """Decodes a single-frame DICOM file to 8 bits.

    Grey values go through the modality LUT or rescale slope and intercept
    (PS3.3, C.11.1), then through the VOI LUT or, without one, the window
    (PS3.3, C.11.2), each time the first if there are several views. A window
    must have a center and a width, and one that the standard allows. The range
    [low, high] that the last step can give is then mapped to 8 bits:

    - of a window, the range of what goes in: of BitsStored and
      PixelRepresentation, rescaled if there is a slope, or of a modality LUT;
    - where there is no window, that of the fewest bits that hold the stored
      values, or the entries of the last LUT, as `grey_scale` says; not more
      than BitsStored or the LUT's descriptor declare.

    MONOCHROME1 is inverted after that, for its lowest value is to be shown as
    white (PS3.3, C.7.6.3.1.2). Colour of 8 bits becomes RGB. Padding, overlays,
    shutters and presentation LUTs are not applied.

    Args:
        data: Content of the file, bytes.
        min_image_size: Pixels that each side must have.
        max_image_pixels: Pixels that the header may promise.

    Returns:
        A `DecodedDicom`.

    Raises:
        BadFile: If the file must be left out.
        ImportError: If pydicom is not installed.
    """
    _import_pydicom()
    limits = (min_image_size, max_image_pixels)
    stage = "its header cannot be read"
    try:
        ds = _read(data)
        _check_kind(ds)
        errors.check_size((ds.Columns, ds.Rows), *limits)
        stage = "its pixels cannot be decoded"
        pixels = _decode_pixels(ds, max_image_pixels)
        stage = "its grey scale cannot be applied"
        part = ""
        if ds.PhotometricInterpretation in _GREY:
            grey = grey_scale.of_dicom(pixels, ds)
            pixels, part = grey.to_8_bits(), grey.part
        if ds.PhotometricInterpretation == "MONOCHROME1":
            pixels = 255 - pixels
        patient_id = str(ds.get("PatientID") or "").strip("\0 ") or None
        photometric = str(ds.PhotometricInterpretation)
    except errors.BadFile:
        raise
    except Exception as error:
        # pydicom raises whatever a corrupt file leads it to. Its message may
        # quote the patient, so neither it nor its traceback goes on.
        detail = f"{stage} ({type(error).__name__})"
        raise errors.BadFile("unreadable", detail) from None
    return DecodedDicom(Image.fromarray(pixels), photometric, patient_id, part)


def _import_pydicom():
    try:
        import pydicom.pixels
    except ImportError as error:
        raise ImportError(
            "DICOM files need pydicom 3. Run: pip install 'xray-tfds[dicom]'"
        ) from error
    return pydicom


def _read(data):
    pydicom = _import_pydicom()
    # The transfer syntax stands in the file meta information, near the start.
    if data.find(_DEFLATED, 132, 132 + 65536) >= 0:
        raise errors.BadFile(
            "unsupported", "deflated DICOM could unpack to any size"
        )
    return pydicom.dcmread(io.BytesIO(data), specific_tags=list(_ELEMENTS))


def _check_kind(ds):
    """Refuses what is not one grey or colour image of 8 or 16 bits."""
    if "PixelData" not in ds:
        # Pixels come last, so a file that was cut has lost them.
        if "Rows" in ds:
            raise errors.BadFile("truncated", "it ends before its pixels")
        raise errors.BadFile(
            "unreadable", "it holds no pixels: cut short, or not an image"
        )
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise errors.BadFile(
            "several frames", f"DICOM of {int(ds.NumberOfFrames)} frames"
        )
    bits = ds.BitsAllocated
    photometric = ds.PhotometricInterpretation
    is_grey = photometric in _GREY and ds.SamplesPerPixel == 1
    is_colour = photometric in _COLOUR and ds.SamplesPerPixel == 3
    if not (is_grey and bits in (8, 16)) and not (is_colour and bits == 8):
        known = photometric if photometric in _GREY + _COLOUR else "other"
        raise errors.BadFile(
            "unsupported",
            f"DICOM pixels of photometric interpretation {known},"
            f" {ds.SamplesPerPixel} samples of {bits} bits",
        )


def _decode_pixels(ds, max_image_pixels):
    """Returns the stored values, `[rows, columns]` or uint8 `[..., 3]`."""
    pydicom = _import_pydicom()
    syntax = ds.file_meta.TransferSyntaxUID
    _check_decoder(ds, syntax)
    if syntax.is_encapsulated:
        limit = Image.MAX_IMAGE_PIXELS or max_image_pixels
        errors.check_size((ds.Columns, ds.Rows), 1, limit)
        frame = pydicom.encaps.get_frame(ds.PixelData, 0, number_of_frames=1)
        if syntax != _RLE_LOSSLESS:
            _check_codestream(frame, (ds.Columns, ds.Rows))
    else:
        samples = ds.SamplesPerPixel
        if ds.PhotometricInterpretation == "YBR_FULL_422":
            samples = 2  # Two pixels share their colour: PS3.3, C.7.6.3.1.2.
        expected = ds.Rows * ds.Columns * samples * ds.BitsAllocated // 8
        if len(ds.PixelData) < expected:
            raise errors.BadFile(
                "truncated",
                f"{len(ds.PixelData)} of {expected} bytes of pixels",
            )
    # Decoders of lossy JPEG differ by a grey level: take the same everywhere.
    plugin = "pillow" if syntax == _JPEG_BASELINE else ""
    return pydicom.pixels.pixel_array(ds, decoding_plugin=plugin)


def _check_decoder(ds, syntax):
    """Refuses a compression that nothing installed can undo."""
    pydicom = _import_pydicom()
    try:
        decoder = pydicom.pixels.get_decoder(syntax)
    except NotImplementedError:
        raise errors.BadFile(
            "unsupported", "DICOM of an unknown or retired transfer syntax"
        ) from None
    # Pillow reads JPEG of 8 bits only.
    is_beyond_pillow = syntax == _JPEG_EXTENDED and ds.BitsStored > 8
    plugins = set(decoder.available_plugins)
    if not decoder.is_available or (is_beyond_pillow and plugins == {"pillow"}):
        raise errors.BadFile(
            "unsupported",
            f"no installed decoder for DICOM compressed as {syntax.name};"
            " pylibjpeg or gdcm adds one",
        )


def _check_codestream(frame, size):
    """Refuses compressed pixels of another size than the file's header."""
    found = _codestream_size(frame)
    if found != size:
        raise errors.BadFile(
            "unreadable",
            f"the header promises {size[0]}x{size[1]} pixels, the compressed"
            f" data {'x'.join(map(str, found)) if found else 'none'}",
        )
    if b"\xff\xd9" not in frame[-64:]:  # Of JPEG, JPEG-LS and JPEG 2000 alike.
        raise errors.BadFile("truncated", "no end marker behind the pixels")


def _codestream_size(frame):
    """Returns `(width, height)` of a JPEG, JPEG-LS or JPEG 2000, or `None`."""
    siz = frame.find(_JPEG_2000_START, 0, 1024)
    if siz >= 0:  # ITU-T T.800, A.5.1: extent and offset of the image.
        right, bottom, left, top = struct.unpack_from(">4I", frame, siz + 8)
        return (right - left, bottom - top)
    position = 2 if frame.startswith(_JPEG_START) else len(frame)
    while position + 9 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        length, _, height, width = struct.unpack_from(
            ">HBHH", frame, position + 2
        )
        if marker in _FRAME_HEADERS:
            return (width, height)
        # A marker may be preceded by any number of bytes FF.
        position += 1 if marker == 0xFF else 2 + length
    return None
