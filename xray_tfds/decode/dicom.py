"""One DICOM file -> 8-bit grey or RGB pixels, and the PatientID.

Nothing else of the file leaves this module: only the elements in `_ELEMENTS`
are parsed at all, and the messages of pydicom, which quote values, are not
passed on.
"""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

from xray_tfds.decode import codestream
from xray_tfds.decode import errors
from xray_tfds.decode import grey_scale
from xray_tfds.decode import limits

# Keyword of an element that is read -> its longest value.
_ELEMENTS = {
    **dict.fromkeys(
        (
            *("SpecificCharacterSet", "PatientID", "SamplesPerPixel"),
            *("PhotometricInterpretation", "PlanarConfiguration"),
            *("NumberOfFrames", "Rows", "Columns"),
            *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
            *("WindowCenter", "WindowWidth", "VOILUTFunction"),
            *("RescaleIntercept", "RescaleSlope"),
            *("PixelPaddingValue", "PixelPaddingRangeLimit"),
        ),
        limits.MAX_DICOM_VALUE,
    ),
    "ModalityLUTSequence": limits.MAX_DICOM_SEQUENCE,
    "VOILUTSequence": limits.MAX_DICOM_SEQUENCE,
    "PixelData": 2**32,
}
_SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence")
_UNDEFINED_LENGTH = 2**32 - 1
_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")

_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_RLE_LOSSLESS = "1.2.840.10008.1.2.5"

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


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
      values but padding, or the entries of the last LUT, as `grey_scale` says;
      not more than BitsStored or the LUT's descriptor declare.

    MONOCHROME1 is inverted after that, for its lowest value is to be shown as
    white (PS3.3, C.7.6.3.1.2). Colour of 8 bits becomes RGB. Padding, overlays,
    shutters and presentation LUTs are not applied: padding keeps what it would
    be without its element, or the nearest end of the range.

    Args:
        data: Content of the file, bytes.
        min_image_size: Pixels that each side must have.
        max_image_pixels: Pixels that the header may promise.

    Returns:
        A `DecodedDicom`.

    Raises:
        BadFile: If the file must be left out.
        ImportError: If pydicom is not installed.
        MemoryError: If the machine has too little memory, whatever the file.
    """
    _import_pydicom()
    stage = "its header cannot be read"
    num_pixels = 0
    try:
        ds = _read(data)
        _check_kind(ds)
        errors.check_size(
            (ds.Columns, ds.Rows), min_image_size, max_image_pixels
        )
        num_pixels = ds.Columns * ds.Rows
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
    except (errors.BadFile, MemoryError, Warning):
        # With `-W error`, a warning of another module is no fault of the file.
        raise
    except Exception as error:
        limits.check_machine(error, num_pixels)
        # pydicom raises whatever a corrupt file leads it to. Its message may
        # quote the patient, so neither it nor its traceback is passed on.
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


class _Stream(limits.MeteredStream):
    """A DICOM file in memory that is not inflated.

    A file of the deflated transfer syntax is read whole, which pydicom does
    with no other, to be inflated to whatever size it has.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise errors.BadFile(
                "unsupported", "deflated DICOM could unpack to any size"
            )
        return super().read(size)


def _read(data):
    """Returns the elements that are needed."""
    pydicom = _import_pydicom()
    tags = {pydicom.tag.Tag(name): name for name in _ELEMENTS}

    def stop_when(tag, vr, length):
        del vr  # Not known where it is implicit.
        longest = _ELEMENTS.get(tags.get(tag, ""), _UNDEFINED_LENGTH)
        is_open = (
            length == _UNDEFINED_LENGTH and longest > limits.MAX_DICOM_VALUE
        )
        if length > longest and not is_open:
            raise errors.BadFile(
                "unsupported",
                f"its {tags[tag]} has {length} bytes; at most {longest}",
            )
        return False

    ds = pydicom.filereader.read_partial(
        _Stream(data, limits.MAX_DICOM_READS),
        stop_when,
        specific_tags=list(tags),
    )
    for name in _SEQUENCES:
        content = ds.get_item(name).value if name in ds else b""
        if isinstance(content, bytes):  # Not parsed yet, item by item.
            number = max(content.count(tag) for tag in _ITEM_TAGS)
            limits.check_parts(
                number, f"items of {name}", limits.MAX_DICOM_ITEMS
            )
    return ds


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
        # Numbers, unless the element says that they are text.
        raise errors.BadFile(
            "unsupported",
            f"DICOM pixels of photometric interpretation {known},"
            f" {int(ds.SamplesPerPixel)} x {int(bits)} bits a pixel",
        )
    # PS3.5, 8.1.1. pydicom takes the lowest bits, whatever HighBit says. Where
    # values fill their bits, as in JPEG made of 12 bits, it can mean nothing.
    high, stored = int(ds.get("HighBit") or 0), ds.BitsStored
    if stored < bits and stored <= high:
        raise errors.BadFile(
            "unsupported",
            f"DICOM pixels of {int(stored)} bits whose HighBit is {high}: they"
            " may not begin at the lowest bit. Convert it",
        )


def _decode_pixels(ds, max_image_pixels):
    """Returns the stored values, `[rows, columns]` or uint8 `[..., 3]`."""
    pydicom = _import_pydicom()
    syntax = ds.file_meta.TransferSyntaxUID
    _check_decoder(ds, syntax)
    if syntax.is_encapsulated:
        limit = Image.MAX_IMAGE_PIXELS or max_image_pixels
        errors.check_size((ds.Columns, ds.Rows), 1, limit)
        limits.check_parts(ds.PixelData.count(_ITEM_TAGS[0]), "fragments")
        frame = pydicom.encaps.get_frame(ds.PixelData, 0, number_of_frames=1)
        if syntax == _RLE_LOSSLESS:
            codestream.check_rle(
                frame,
                ds.Columns * ds.Rows,
                ds.SamplesPerPixel * ds.BitsAllocated // 8,
            )
        else:
            codestream.check(frame, (ds.Columns, ds.Rows), ds.SamplesPerPixel)
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
    pixels = pydicom.pixels.pixel_array(ds, decoding_plugin=plugin)
    if pixels.shape[:2] != (ds.Rows, ds.Columns):
        raise errors.BadFile(
            "several frames", "DICOM of more frames than its header says"
        )
    return pixels


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
            f"no installed decoder for DICOM compressed as {syntax.name}."
            f" Install one of: {'; '.join(decoder.missing_dependencies)}",
        )
