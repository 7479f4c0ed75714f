"""Pictures inside of pages: what goes in comes out, and nothing else passes."""

import base64
import io

from PIL import Image
import numpy as np
import pytest

from pages import data_urls


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _decode(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


@pytest.mark.parametrize(
    "mode, shown", [("L", "L"), ("RGB", "RGB"), ("RGBA", "RGB"), ("P", "RGB")]
)
def test_thumbnail_shows_the_picture_small(mode, shown):
    ramp = np.linspace(0, 255, 300 * 100).reshape(300, 100).astype(np.uint8)
    image = Image.fromarray(ramp).convert(mode)
    url = data_urls.thumbnail(_png(image), max_side=60)
    assert data_urls.is_pixels(url)
    small = _decode(url)
    assert (small.size, small.mode, small.format) == ((20, 60), shown, "JPEG")
    expected = np.asarray(Image.fromarray(ramp).resize((20, 60)), float)
    assert np.abs(np.asarray(small.convert("L")) - expected).mean() < 3


def test_small_picture_keeps_its_size():
    url = data_urls.thumbnail(_png(Image.new("L", (7, 5))), max_side=60)
    assert _decode(url).size == (7, 5)


@pytest.mark.parametrize(
    "value",
    [
        *(None, 3, "", "https://evil.example/x.png", "javascript:alert(1)"),
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:text/html;base64,PHN2Zz4=",
        'data:image/png;base64,AAAA" onerror="alert(1)',
        "data:image/png;base64,AAAA\n",
    ],
)
def test_what_could_load_or_run_something_is_no_picture(value):
    assert not data_urls.is_pixels(value)
