"""Small pictures of the files that a report shows."""

import base64
from collections.abc import Callable
import io
from typing import Optional

from PIL import Image

# Pictures of a report, and their longer side.
_MAX_THUMBNAILS = 200
_THUMBNAIL_SIZE = 96


class Thumbnails:
    """Small pictures as data URLs, up to a number that a page can hold."""

    def __init__(self, png_of: Callable[[int], Optional[bytes]]) -> None:
        self._png_of = png_of
        self._made: dict[int, str] = {}

    def make(self, index: int) -> Optional[str]:
        """Returns the picture of a file, `None` where there is none."""
        if index in self._made:
            return self._made[index]
        if len(self._made) == _MAX_THUMBNAILS:
            return None
        png = self._png_of(index)
        if png is None:
            return None
        stored = Image.open(io.BytesIO(png))
        # Grey is shrunk as one channel, not as three.
        image = stored.convert("L" if stored.mode == "L" else "RGB")
        image.thumbnail((_THUMBNAIL_SIZE, _THUMBNAIL_SIZE))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=80)
        text = base64.b64encode(buffer.getvalue()).decode()
        self._made[index] = f"data:image/jpeg;base64,{text}"
        return self._made[index]
