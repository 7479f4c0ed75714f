"""The film stays visible under its map, in colours for everybody."""

import base64
import io

from PIL import Image
import matplotlib
import numpy as np
import pytest

from inference import overlays


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1), (6, 8, 3), (6, 8, 4)])
def test_overlay_keeps_the_film_and_colours_what_counts(rng, shape):
    image = rng.integers(0, 256, shape, np.uint8)
    heat = np.zeros((6, 8), np.float32)
    heat[2, 3] = 1
    shown = overlays.overlay(image, heat)
    assert shown.shape == (6, 8, 3)
    assert shown.dtype == np.uint8
    colours = image if len(shape) == 3 else image[..., np.newaxis]
    expected = np.broadcast_to(colours[..., :3], shown.shape).copy()
    yellow = np.array(matplotlib.colormaps["inferno"](1.0)[:3]) * 255
    expected[2, 3] = np.rint(0.4 * expected[2, 3] + 0.6 * yellow)
    np.testing.assert_allclose(shown.astype(int), expected, atol=1)


def test_overlay_of_another_size_is_refused():
    with pytest.raises(ValueError, match="same height and width"):
        overlays.overlay(np.zeros((4, 4), np.uint8), np.zeros((4, 5)))


def test_overlay_url_holds_the_picture(rng):
    image = np.full((300, 150), 90, np.uint8)
    heat = np.zeros((300, 150), np.float32)
    heat[:150] = 1
    url = overlays.overlay_url(image, heat, max_side=100)
    head, _, data = url.partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (50, 100)
        pixels = np.asarray(picture.convert("RGB"), int)
    expected = overlays.overlay(image, heat).astype(int)
    np.testing.assert_allclose(pixels[20, 20], expected[0, 0], atol=6)
    np.testing.assert_allclose(pixels[80, 20], expected[299, 0], atol=6)
