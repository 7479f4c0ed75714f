"""A film with its activation map laid over it."""

from __future__ import annotations

import io

from PIL import Image
import numpy as np
from numpy import typing as npt

from pages import data_urls

# Of the colour where a map is 1; the film stays visible.
_OPACITY = 0.6


def overlay(
    image: npt.NDArray[np.uint8], activation_map: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """Lays a map over its film, in colours that the colour-blind distinguish.

    Args:
        image: uint8 `[height, width]` or `[height, width, channels]`; one
            channel is grey, three are RGB, a fourth is left out.
        activation_map: float `[height, width]`, 0 to 1.

    Returns:
        uint8 `[height, width, 3]`: the film where the map is 0, and the more of
        Matplotlib's "inferno", from black over red to yellow, the higher it is.

    Raises:
        ValueError: If image and map differ in size.
    """
    from pages import plotting

    pixels = np.asarray(image, np.float64)
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.shape[:2] != activation_map.shape:
        raise ValueError(
            "`image` and `activation_map` must have the same height and width. "
            f"Received: image.shape={image.shape}, "
            f"activation_map.shape={activation_map.shape}"
        )
    inferno = plotting.matplotlib.colormaps["inferno"]
    colours = inferno(activation_map)[..., :3] * 255
    share = _OPACITY * np.asarray(activation_map, np.float64)[..., np.newaxis]
    mixed: npt.NDArray[np.float64] = (1 - share) * pixels[
        ..., :3
    ] + share * colours
    return np.rint(mixed).astype(np.uint8)


def overlay_url(
    image: npt.NDArray[np.uint8],
    activation_map: npt.NDArray[np.float32],
    *,
    max_side: int = 256,
) -> str:
    """Returns `overlay` as the URL of a JPEG, for a page.

    Args:
        image: As in `overlay`.
        activation_map: As in `overlay`.
        max_side: Most pixels of a side; a smaller film keeps its size.
    """
    buffer = io.BytesIO()
    Image.fromarray(overlay(image, activation_map)).save(buffer, "PNG")
    return data_urls.thumbnail(buffer.getvalue(), max_side=max_side)
