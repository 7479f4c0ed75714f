"""The films that an export carries."""

import io

from PIL import Image
import numpy as np
import pytest

from inference.exports import self_test
import xray_tfds
from xray_tfds.curate import examine


@pytest.mark.parametrize(
    "options",
    [
        {"min_image_size": 512},
        {"image_size": (640, 700), "harmonize": "crop"},
        {"image_size": (700, 900), "harmonize": "pad"},
        {"image_size": (96, 64), "harmonize": "crop", "effective_size": 333},
        {"image_size": (64, 48), "max_image_pixels": 5000},
        {"image_size": (28, 28)},
    ],
)
def test_films_are_ones_that_the_run_takes(options, tmp_path):
    config = xray_tfds.XrayConfig(**options)
    films = self_test.write(tmp_path, config)
    assert len(films) == 4
    for name, data in films.items():
        assert (tmp_path / name).read_bytes() == data
        image = examine.decode(data, config).image
        assert np.ptp(examine.make_pixels(image, config)) > 50


def test_film_that_is_taken_keeps_its_size(tmp_path):
    films = self_test.write(tmp_path, xray_tfds.XrayConfig())
    sizes = [Image.open(io.BytesIO(data)).size for data in films.values()]
    assert sizes == [(400, 306), (427, 365), (414, 347), (436, 355)]
