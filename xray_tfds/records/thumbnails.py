"""Small pictures of the files that a report shows."""

from collections.abc import Callable
from typing import Optional

from pages import data_urls

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
        self._made[index] = data_urls.thumbnail(png, max_side=_THUMBNAIL_SIZE)
        return self._made[index]
