"""Why a file is left out of the records."""

from __future__ import annotations

from xray_tfds.decode import images

# Reason -> what it means.
REASONS = {
    "empty": "the file has no bytes",
    "not accessible": "no file of a usual size that may be opened and read",
    "not an image": "the content is of no type that is known",
    "truncated": "the file ends before its last pixel",
    "unreadable": "the content contradicts itself or its checksums",
    "constant": "every pixel has the same value",
    "too small": "a side has fewer pixels than asked for",
    "too many pixels": "the header promises more pixels than allowed",
    "several frames": "the file holds several images",
    "unsupported": "the file may be sound, but is of a kind not read here",
}


class BadFile(images.ImageError):
    """A file that no record is made of.

    Attributes:
        reason: One of `REASONS`.
        detail: What exactly is wrong; names no person and no path.
    """

    def __init__(self, reason: str, detail: str) -> None:
        """Takes both as arguments, so that the error survives pickling."""
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def check_size(
    size: tuple[int, int], min_image_size: int, max_image_pixels: int
) -> None:
    """Refuses an image by the size in its header.

    Args:
        size: `(width, height)` in pixels.
        min_image_size: Pixels that each side must have.
        max_image_pixels: Pixels that the image may have.

    Raises:
        BadFile: If it is too small or too large.
    """
    width, height = size
    if width * height > max_image_pixels:
        raise BadFile(
            "too many pixels",
            f"{width}x{height} pixels; at most {max_image_pixels} allowed",
        )
    if min(size) < min_image_size:
        raise BadFile(
            "too small",
            f"{width}x{height} pixels; each side needs {min_image_size}",
        )
