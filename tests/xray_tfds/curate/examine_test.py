"""Files that are decoded once more, to be compared."""

import functools

from PIL import Image
import pytest

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.curate import examine
from xray_tfds.curate import findings
from xray_tfds.source import errors
from xray_tfds.source import source_files


def test_film_that_is_gone_when_it_is_compared_is_named(tmp_path):
    image_trees.write_images(tmp_path, ["one.png"])
    with Image.open(tmp_path / "one.png") as film:
        film.save(tmp_path / "same.bmp")
    config = xray_tfds.XrayConfig(image_size=(32, 24))
    examined = [
        examine.examine(
            source_files.SourceFile(tmp_path / name, name, "normal", None),
            config,
        )[0]
        for name in ("one.png", "same.bmp")
    ]
    found = findings.Findings.of(examined)
    digest_pixels = functools.partial(examine.digest_pixels, config=config)
    one, same = found.compare_pixels(digest_pixels)
    assert one.pixel_digest == same.pixel_digest != ""
    (tmp_path / "same.bmp").unlink()
    with pytest.raises(errors.SourceError, match="same.bmp changed while"):
        found.compare_pixels(digest_pixels)
