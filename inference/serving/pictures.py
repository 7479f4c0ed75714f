"""A film and its map as two pictures, of which a page lays one on the other."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image
import numpy as np
from numpy import typing as npt

from pages import data_urls

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

_MAX_SIDE = 768


def show_film(
    film: Image.Image,
    pixels: npt.NDArray[np.uint8],
    config: config_lib.XrayConfig,
) -> str:
    """Returns a film as a data URL.

    Args:
        film: As it was decoded.
        pixels: uint8 `[height, width, channels]`, as the network is shown it.
        config: How the one was made of the other.

    Returns:
        The film itself where the network is shown all of it, else what it is
        shown.
    """
    shows_all = config.harmonize == "none" and not config.keep_aspect_ratio
    shown = film if shows_all else _to_image(pixels)
    buffer = io.BytesIO()
    shown = shown.convert("L" if shown.mode in ("1", "L") else "RGB")
    shown.thumbnail((_MAX_SIDE, _MAX_SIDE))
    shown.save(buffer, "PNG", compress_level=1)
    return data_urls.thumbnail(buffer.getvalue(), max_side=_MAX_SIDE)


def show_map(activation_map: npt.NDArray[np.float32]) -> str:
    """Returns the colours of `overlays.overlay`, with their opacity.

    Args:
        activation_map: float `[height, width]`, 0 to 1.

    Returns:
        A data URL, of what covers that of `show_film` if both are stretched
        alike; it is the more opaque the higher the map is.
    """
    from pages import plotting

    inferno = plotting.matplotlib.colormaps["inferno"]
    colours = inferno(activation_map, bytes=True)
    colours[..., 3] = np.rint(255 * np.asarray(activation_map, np.float64))
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, "PNG")
    return data_urls.encode(buffer.getvalue(), "image/png")


def _to_image(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
