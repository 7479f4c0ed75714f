"""Tables of images for tests of `flow_from_dataframe`, and the images."""

from PIL import Image
import numpy as np
import pytest

from tests.helpers import image_trees

# Names of images; the last has no dot, and Keras takes it.
IMAGES = ("a.png", "b.jpg", "UP.PNG", "deep/c.png", "notapng")

# Images in formats that Keras does not list.
FILMS = ("film.gif", "film.webp")


def write_images(root):
    """Writes the images, and a file that is none."""
    image_trees.write_images(root, [n for n in IMAGES if "." in n])
    Image.new("L", (48, 40), 9).save(root / "notapng", "PNG")
    (root / "text.txt").write_text("no image")
    for name in FILMS:
        rng = np.random.default_rng(len(name))
        pixels = rng.integers(0, 256, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).save(root / name, lossless=True)


def make_frame(count=8):
    """Returns a frame of `count` rows, a multiple of 4; needs pandas."""
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(
        {
            "filename": [IMAGES[i % 5] for i in range(count)],
            "class": [["sick", "well"][i % 2] for i in range(count)],
            "findings": [["a"], ["b", "a"], [], ["c"]] * (count // 4),
            "age": np.arange(count, dtype=float),
            "weight": np.linspace(0.5, 4, count),
        }
    )
