"""Good image files of every format, made of synthetic films."""

import io

from PIL import Image
import numpy as np
import pydicom
from pydicom import encaps
from pydicom import uid

# Metadata of every TIFF and DICOM file.
NOTE = b"Doe^Jane"


def film(rng):
    """Returns uint8 `[height, width]`: a soft pattern and noise."""
    height, width = rng.integers(64, 160, 2)
    y, x = np.mgrid[:height, :width]
    phase, pitch = rng.uniform(0, 6, 2), rng.uniform(8, 30, 2)
    waves = np.sin(y / pitch[0] + phase[0]) + np.cos(x / pitch[1] + phase[1])
    noise = rng.normal(0, 6, (height, width))
    return np.clip(127 + 50 * waves + noise, 0, 255).astype(np.uint8)


def saved(image, image_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _pil(image_format, mode="L", **options):
    """Returns an encoder by PIL."""

    def encode(film, rng):
        del rng
        image = Image.fromarray(film)
        if mode == "P":
            image = image.quantize(64)
        elif mode == "I;16":
            image = Image.fromarray(film.astype(np.uint16) * 257)
        elif mode != "L":
            other = Image.fromarray(film[::-1])
            bands = [image, other, image, other][: len(mode)]
            image = Image.merge(mode, bands)
        if image_format == "TIFF":
            options["description"] = NOTE.decode()
        return saved(image, image_format, **options)

    return encode


def _pgm_12_bits(film, rng):
    del rng
    header = b"P5\n%d %d\n4095\n" % film.shape[::-1]
    return header + (film.astype(">u2") * 16).tobytes()


def _dicom(syntax, bits=16):
    """Returns an encoder of one grey frame in a transfer syntax."""

    def encode(film, rng):
        ds = pydicom.Dataset()
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        ds.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
        ds.SOPInstanceUID = "1.2.3"
        ds.PatientID = f"P{rng.integers(1000)}"
        ds.PatientName = NOTE.decode()
        ds.Rows, ds.Columns = film.shape
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.PixelRepresentation = bits, 0
        ds.BitsStored = 12 if bits == 16 else 8
        ds.HighBit = ds.BitsStored - 1
        if bits == 16:
            ds.WindowCenter, ds.WindowWidth = 2048, 3000
            film = film.astype("<u2") * 16
        ds.PixelData = film.tobytes() + b"\0" * (film.nbytes % 2)
        if syntax == uid.RLELossless:
            ds.compress(syntax, encoding_plugin="pydicom")
        elif syntax == uid.JPEGBaseline8Bit:
            frame = saved(Image.fromarray(film), "JPEG", quality=90)
            ds.PixelData = encaps.encapsulate([frame])
            ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = syntax
        buffer = io.BytesIO()
        ds.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    return encode


FORMATS = {
    "JPEG": _pil("JPEG", quality=90),
    "JPEG, colour": _pil("JPEG", "RGB", quality=80),
    "JPEG, progressive": _pil("JPEG", progressive=True),
    "PNG": _pil("PNG"),
    "PNG, 16 bits": _pil("PNG", "I;16"),
    "PNG, palette": _pil("PNG", "P"),
    "PNG, alpha": _pil("PNG", "RGBA"),
    "BMP": _pil("BMP"),
    "BMP, colour": _pil("BMP", "RGB"),
    "TIFF": _pil("TIFF"),
    "TIFF, 16 bits": _pil("TIFF", "I;16"),
    "TIFF, LZW": _pil("TIFF", "RGB", compression="tiff_lzw"),
    "TIFF, CMYK deflate": _pil(
        "TIFF", "CMYK", compression="tiff_adobe_deflate"
    ),
    "PPM": _pil("PPM"),
    "PPM, colour": _pil("PPM", "RGB"),
    "PPM, 12 bits": _pgm_12_bits,
    "DICOM": _dicom(uid.ExplicitVRLittleEndian),
    "DICOM, 8 bits": _dicom(uid.ImplicitVRLittleEndian, bits=8),
    "DICOM, RLE": _dicom(uid.RLELossless),
    "DICOM, JPEG": _dicom(uid.JPEGBaseline8Bit, bits=8),
}
