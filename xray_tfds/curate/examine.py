"""Every file decoded once: what it holds, and the PNG of its record."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from typing import TYPE_CHECKING

from PIL import Image
import numpy as np

from xray_tfds.curate import duplicates
from xray_tfds.decode import errors
from xray_tfds.decode import images
from xray_tfds.decode import limits
from xray_tfds.decode import png as png_lib
from xray_tfds.decode import quality
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

# Bytes of the digest of a record's PNG.
RECORD_DIGEST_SIZE = 16

# Sides from which a record stands in for the film in the search for duplicates.
_MIN_SIGNED_SIZE = 64


@dataclasses.dataclass(frozen=True)
class ExaminedFile:
    """What is known of a file once it was read.

    Attributes:
        file: The `source_files.SourceFile`, with its digest.
        patient: Whose image it is, a `patients.Patient`.
        reason: Why no record can be made of it, one of `errors.REASONS`;
            empty for a good file, as the next.
        detail: What exactly is wrong.
        format: One of `images.FORMATS`; this and all below only if it is good.
        mode: How the file holds its pixels, as PIL or DICOM name it.
        width: In pixels.
        height: In pixels.
        num_bytes: Of the file.
        mean: Of the values of the record, 0 to 255.
        std: Standard deviation of the same.
        signature: As `duplicates.signature`.
        grey_part: As `quality.Decoded.grey_part`.
        pixel_digest: As `duplicates.pixel_digest`; empty where no other file
            has the same signature, so that no other has the same pixels.
        record_digest: As `record_digest` of the PNG of its record.
    """

    file: source_files.SourceFile
    patient: patients.Patient
    num_bytes: int
    reason: str = ""
    detail: str = ""
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    mean: float = 0.0
    std: float = 0.0
    signature: bytes = b""
    grey_part: str = ""
    pixel_digest: str = ""
    record_digest: str = ""


def record_digest(png: bytes) -> str:
    """Returns the start of the SHA-256 of a record's PNG, as hexadecimals."""
    # Many processors have instructions for it: half of the time of BLAKE2b.
    return hashlib.sha256(png).hexdigest()[: 2 * RECORD_DIGEST_SIZE]


def examine(
    file: source_files.SourceFile,
    config: config_lib.XrayConfig,
    hash_key: hash_key_lib.HashKey | None = None,
    *,
    with_pixel_digest: bool = False,
) -> tuple[ExaminedFile, bytes | None]:
    """Reads and decodes a file.

    Args:
        file: `source_files.SourceFile`.
        config: `XrayConfig`.
        hash_key: As for `patients.pseudonym`.
        with_pixel_digest: Whether the pixel digest is computed at once.

    Returns:
        Pair of an `ExaminedFile` and the PNG of the record, `None` for a file
        that is bad.

    Raises:
        SourceError: If the file changed since it was listed.
        NotEnoughMemoryError: If the machine has too little memory for it.
        PatientError: If `patient_pattern` matches its name ambiguously.
    """
    with limits.naming(file.path):
        return _examine(file, config, hash_key, with_pixel_digest)


def _examine(
    file: source_files.SourceFile,
    config: config_lib.XrayConfig,
    hash_key: hash_key_lib.HashKey | None,
    with_pixel_digest: bool,
) -> tuple[ExaminedFile, bytes | None]:
    data = None
    find_patient = functools.partial(
        patients.find_patient,
        pattern=patients.compile_pattern(config.patient_pattern),
        hash_key=hash_key,
    )
    try:
        data, file = source_files.read_file(file)
        decoded = decode(data, config)
        pixels = make_pixels(decoded.image, config)
        # A row holds the channels of its pixels side by side.
        flat = Image.fromarray(pixels.reshape(pixels.shape[0], -1))
        mean, std = _statistics(flat)
        png = png_lib.encode(pixels)
        examined = ExaminedFile(
            file=file,
            patient=find_patient(file, dicom_id=decoded.patient_id),
            num_bytes=len(data),
            format=decoded.format,
            mode=decoded.mode,
            width=decoded.width,
            height=decoded.height,
            mean=mean,
            std=std,
            signature=_sign(decoded.image, flat, config),
            grey_part=decoded.grey_part,
            pixel_digest=(
                duplicates.pixel_digest(decoded.image)
                if with_pixel_digest
                else ""
            ),
            record_digest=record_digest(png),
        )
        return examined, png
    except errors.BadFile as error:
        if data is None:
            # What an index said it holds nobody has seen now, nor shall the
            # next build take it for known.
            file = file.read_as("", file.stamp)
        size = len(data or b"")
        examined = ExaminedFile(
            file, find_patient(file), size, error.reason, error.detail
        )
        return examined, None


def decode(data: bytes, config: config_lib.XrayConfig) -> quality.Decoded:
    """Returns the `quality.Decoded` of a file that a record is made of.

    Raises:
        BadFile: If it cannot be used.
    """
    decoded = quality.decode(
        data,
        min_image_size=config.min_image_size,
        max_image_pixels=config.max_image_pixels,
    )
    size = (decoded.width, decoded.height)
    if config.harmonize != "none" and images.is_below(
        size,
        image_size=config.image_size,
        fit=config.harmonize,
        effective_size=config.common_size,
    ):
        raise errors.BadFile(
            "too small",
            f"{decoded.width}x{decoded.height} pixels cannot be reduced to the"
            f" effective size {config.common_size}",
        )
    return decoded


def make_pixels(
    image: Image.Image, config: config_lib.XrayConfig
) -> np.ndarray:
    """Returns the uint8 `[height, width, channels]` of a record."""
    if config.harmonize != "none":
        return images.harmonize(
            image,
            image_size=config.image_size,
            fit=config.harmonize,
            effective_size=config.common_size,
        )
    return images.convert_and_resize(
        image,
        color_mode=config.color_mode,
        image_size=config.image_size,
        interpolation=config.interpolation,
        keep_aspect_ratio=config.keep_aspect_ratio,
    )


def digest_pixels(
    file: source_files.SourceFile, config: config_lib.XrayConfig
) -> str:
    """Returns the `duplicates.pixel_digest` of a good file, read once more.

    Raises:
        SourceError: If it was changed, or is gone.
    """
    with limits.naming(file.path):
        try:
            data, _ = source_files.read_file(file)
        except errors.BadFile as error:  # It was good before.
            raise source_files.changed(file) from error
        return duplicates.pixel_digest(decode(data, config).image)


def _sign(film, record, config):
    """Returns the signature of the film, by way of the record if it can be.

    A record that shows all of the film, and was shrunk with a filter, has the
    signature of the film but for a tenth of the distance at which films are
    distinguished, and saves an eighth of the time that decoding takes.
    """
    return duplicates.signature(record if shows_film(config) else film)


def shows_film(config: config_lib.XrayConfig) -> bool:
    """Whether a record stands in for its film in the search for duplicates."""
    return (
        config.harmonize == "none"
        and not config.keep_aspect_ratio
        and config.interpolation != "nearest"
        and min(config.image_size) >= _MIN_SIGNED_SIZE
        and config.color_mode == "grayscale"
    )


def _statistics(flat):
    """Returns mean and standard deviation of the values of an image."""
    # PIL counts bytes several times as fast as NumPy.
    counts = np.asarray(flat.histogram())
    values = np.arange(256)
    number = flat.width * flat.height
    mean = counts @ values / number
    return float(mean), math.sqrt(counts @ (values - mean) ** 2 / number)
