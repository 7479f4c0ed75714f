"""What reading a file may cost: a crafted one could cost minutes and gigabytes.

The formats let a small file unpack to any size and have any number of parts.
What decoders do for each part takes microseconds of Python, so that a million
parts take seconds. No honest film comes near these limits;
`benchmarks/crafted_files.py` has files that would pass them.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import io
import os

from xray_tfds.decode import errors

# What a decoder may need: JPEG 2000 of three channels takes 24 bytes a pixel.
_BYTES_A_PIXEL = 32
_LEAST_MEMORY = 2**26

# Calls of `read` by a parser: a film of 20,000 rows in strips of one row takes
# 20,000, a PNG of 100 MB in the chunks of 8 KB that libpng writes 60,000.
MAX_READS = 200_000

# Parts that are found before a parser looks at them: chunks of a PNG, values of
# an entry in a TIFF directory, fragments and items of a DICOM file.
MAX_PARTS = 100_000

# Each pass over a progressive film takes a fiftieth of a second and more, and
# there may be any number of them. Encoders use about ten.
MAX_JPEG_SCANS = 100

# PIL joins all EXIF segments of up to 64 KiB to one directory, and makes an
# object of each fraction in some of its entries.
MAX_JPEG_EXIF_SEGMENTS = 8

# A film of 20,000x20,000 pixels in tiles of 256x256 has 6,241.
MAX_JPEG_2000_TILES = 10_000

# The longest value of an element, in bytes. Explicit VR has 16 bits for the
# length of short ones; implicit VR has 32, and pydicom makes an object of each
# value in them. A LUT has up to 128 KiB.
MAX_DICOM_VALUE = 2**16
MAX_DICOM_SEQUENCE = 2**21

# Views of one film; a fragment of pixels is an item, too.
MAX_DICOM_ITEMS = 1000

# Twice for each element, of which a film has some hundreds; pydicom takes ten
# times as long for one as PIL does for a part of an image.
MAX_DICOM_READS = 100_000


class NotEnoughMemoryError(ValueError):
    """The machine's error, which is not taken for that of a file."""


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Says in the body of `with` at which file memory ran out.

    Raises:
        NotEnoughMemoryError: In the place of `MemoryError`.
    """
    try:
        yield
    except MemoryError:
        raise NotEnoughMemoryError(
            f"There is not enough memory to decode {os.fspath(path)}, which may"
            " be a good file. Free some, or decode fewer files at once: one"
            " for each core, of which taskset takes some away."
        ) from None


def check_machine(error: Exception, num_pixels: int = 0) -> None:
    """Tells whether a decoder may have failed for the machine, not the file.

    Few decoders say that memory ran out: libjpeg calls it a broken data stream,
    OpenJPEG fails without a reason. Files are decoded in memory, so that an
    error of the operating system, such as too many open files, or of an import,
    which may come as late as here, is never theirs.

    Args:
        error: What the decoder raised.
        num_pixels: Of the image, as far as it is known.

    Raises:
        MemoryError: If there is less than it may need.
        OSError: The error, if it is the operating system's.
        ImportError: The error, if it is one.
    """
    # Zeroed memory is promised, but not touched.
    bytearray(_LEAST_MEMORY + _BYTES_A_PIXEL * num_pixels)
    if isinstance(error, ImportError):
        raise error
    if isinstance(error, OSError) and error.errno:  # PIL's own have none.
        raise error


class MeteredStream(io.BytesIO):
    """A file in memory that refuses to be read in too many pieces.

    PIL and pydicom call `read` at least once for each part of a file, whatever
    its structure.
    """

    def __init__(self, data: bytes, max_reads: int = MAX_READS) -> None:
        """Holds the content of a file."""
        super().__init__(data)
        self._max_reads = self._reads_left = max_reads

    def read(self, size: int | None = -1, /) -> bytes:
        """As in `io.BytesIO`.

        Raises:
            BadFile: If there were too many calls.
        """
        self._reads_left -= 1
        if self._reads_left < 0:
            raise errors.BadFile(
                "unsupported",
                f"it takes more than {self._max_reads} reads to parse",
            )
        return super().read(size)

    def allow(self, num_reads: int) -> None:
        """Allows further calls, where an honest file needs them."""
        self._max_reads += num_reads
        self._reads_left += num_reads


def check_parts(number: int, kind: str, most: int = MAX_PARTS) -> None:
    """Refuses a file of too many parts.

    Args:
        number: How many there are.
        kind: What they are called, in the plural.
        most: How many there may be.

    Raises:
        BadFile: If there are too many.
    """
    if number > most:
        raise errors.BadFile(
            "unsupported", f"it has {number} {kind}; at most {most}"
        )
