"""DICOM files, written by pydicom, for the tests of their decoding."""

import io

from PIL import Image
import numpy as np
import pydicom
from pydicom import encaps
from pydicom import uid


def dataset(values=None, *, bits=12, **elements):
    """Returns a dataset of one grey frame, `[40, 56]` unless given."""
    if values is None:
        generator = np.random.default_rng(0)
        values = generator.integers(0, 2**bits, (40, 56)).astype(np.uint16)
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID = "1.2.3"
    ds.PatientID, ds.PatientName = "ID-7", "Doe^Jane"
    ds.Rows, ds.Columns = values.shape[:2]
    ds.SamplesPerPixel = 1 if values.ndim == 2 else 3
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = 8 * values.itemsize
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelRepresentation = int(values.dtype.kind == "i")
    ds.PixelData = values.tobytes()
    for name, value in elements.items():
        setattr(ds, name, value)
    return ds


def lut(entries, first, bits):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", None)
    item.LUTDescriptor = [len(entries), first, bits]
    item.add_new("LUTData", "OW", np.asarray(entries, "<u2").tobytes())
    return [item]


def written(ds):
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def compressed(ds, syntax, frame=None):
    if frame is None:
        ds.compress(syntax)
    else:
        ds.PixelData = encaps.encapsulate([frame])
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = syntax
    return ds


def saved(image, image_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def jpeg_dataset(mode="L"):
    film = np.random.default_rng(0).integers(0, 256, (40, 56), np.uint8)
    image = Image.fromarray(np.sort(film)).convert(mode)
    photometric = "MONOCHROME2" if mode == "L" else "YBR_FULL_422"
    ds = dataset(
        np.asarray(image), bits=8, PhotometricInterpretation=photometric
    )
    if mode == "RGB":
        ds.PlanarConfiguration = 0
    frame = saved(image, "JPEG", quality=95)
    return compressed(ds, uid.JPEGBaseline8Bit, frame), frame
