"""Pictures as `data:` URLs, which a page holds in itself."""

from __future__ import annotations

import base64
import io
import re

from PIL import Image

# Not SVG: it may hold scripts and addresses.
_PIXELS = re.compile(r"data:image/(jpeg|png|webp);base64,[A-Za-z0-9+/]+={0,2}")


def encode(data: bytes, media_type: str) -> str:
    """Returns the URL of a file's bytes.

    Args:
        data: The file's content.
        media_type: Such as "image/svg+xml".
    """
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def thumbnail(encoded: bytes, *, max_side: int, quality: int = 85) -> str:
    """Returns the URL of a small JPEG of a picture.

    Args:
        encoded: A picture's file, of 8 bits a channel.
        max_side: Most pixels of a side; a smaller picture keeps its size.
        quality: Of the JPEG.
    """
    with Image.open(io.BytesIO(encoded)) as stored:
        # Grey is shrunk as one channel, not as three.
        image = stored.convert("L" if stored.mode == "L" else "RGB")
    image.thumbnail((max_side, max_side))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=quality)
    return encode(buffer.getvalue(), "image/jpeg")


def is_pixels(url: object) -> bool:
    """Tells whether a value is an embedded picture that can load nothing."""
    return isinstance(url, str) and _PIXELS.fullmatch(url) is not None
