"""Files of every kind, read as Keras reads them."""

import functools
import json
import os
import pathlib
import subprocess
import sys

from PIL import Image
import keras
import numpy as np
import pandas as pd
import pytest

import migration
from migration import decoding
import pipeline

_ROOT = pathlib.Path(__file__).parents[2]


def _image(seed=0, mode="RGB"):
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (37, 53, bands), np.uint8)
    return Image.fromarray(pixels.squeeze())


_LEVELS = np.arange(37 * 53, dtype=np.uint16).reshape(37, 53) * 33

# Name -> image, arguments of `save`.
_FILES = {
    "gif": (_image(), {"format": "GIF"}),
    "gif of frames": (
        _image(),
        {"format": "GIF", "save_all": True, "append_images": [_image(1)]},
    ),
    "webp": (_image(), {"format": "WEBP", "lossless": True}),
    "webp with alpha": (_image(mode="RGBA"), {"format": "WEBP"}),
    "png of frames": (
        _image(),
        {"format": "PNG", "save_all": True, "append_images": [_image(1)]},
    ),
    "tiff of pages": (
        _image(mode="L"),
        {"format": "TIFF", "save_all": True, "append_images": [_image(1)]},
    ),
    "jpeg 2000": (_image(), {"format": "JPEG2000"}),
    "tga": (_image(), {"format": "TGA"}),
    "pgm": (_image(mode="L"), {"format": "PPM"}),
    "16-bit png": (Image.fromarray(_LEVELS), {"format": "PNG"}),
    "16-bit tiff": (Image.fromarray(_LEVELS), {"format": "TIFF"}),
    "float tiff": (
        Image.fromarray(_LEVELS.astype(np.float32) / 99),
        {"format": "TIFF"},
    ),
}


def _flow(folder, **options):
    return migration.flow_from_directory(
        pipeline.AugmentConfig(),
        folder,
        **({"target_size": (24, 31)} | options),
    )


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
@pytest.mark.parametrize("name", _FILES)
def test_file_is_read_by_its_content_as_keras_does(
    name, color_mode, tmp_path, caplog
):
    path = tmp_path / "normal" / "film.jpg"
    path.parent.mkdir()
    image, options = _FILES[name]
    image.save(path, **options)
    if name.startswith("16-bit") and color_mode == "grayscale":
        with pytest.raises(ValueError, match="film.jpg has 16-bit grey values"):
            _flow(tmp_path, color_mode=color_mode)
        return
    expected = keras.utils.img_to_array(
        keras.utils.load_img(path, color_mode=color_mode, target_size=(24, 31))
    )
    actual = _flow(tmp_path, color_mode=color_mode).split.images[0]
    np.testing.assert_array_equal(actual, expected)
    told = "film.jpg has more than 8 bits" in caplog.text
    assert told == name.startswith(("16-bit", "float"))


def test_pixels_are_those_that_were_recorded_from_keras(tmp_path):
    num_refused = 0
    with np.load(_ROOT / "tests" / "golden" / "loading.npz") as arrays:
        cases = json.loads(bytes(arrays["manifest"]))["load"]
        for case in cases:
            path = tmp_path / "film.jpg"
            path.write_bytes(arrays[case["bytes"]].tobytes())
            frame = pd.DataFrame({"filename": [str(path)]})
            expected = arrays[case["x"]]
            make = functools.partial(
                migration.flow_from_dataframe,
                pipeline.AugmentConfig(),
                frame,
                class_mode=None,
                color_mode=case["color_mode"],
                target_size=expected.shape[:2],
                interpolation=case["interpolation"],
            )
            if expected.dtype != np.uint8:
                with pytest.raises(ValueError, match="film.jpg has"):
                    make()
                num_refused += 1
            elif not case["keep_aspect_ratio"]:  # No argument of a frame's.
                actual = make().split.images[0]
                np.testing.assert_array_equal(actual, expected, str(case))
    assert (len(cases), num_refused) == (82, 7)


def test_films_of_16_bits_are_told_of_once(tmp_path, caplog):
    (tmp_path / "normal").mkdir()
    for number in range(9):
        path = tmp_path / "normal" / f"{number}.png"
        Image.fromarray(_LEVELS).save(path)
    flow = _flow(tmp_path, memory_budget_bytes=1, batch_size=2)
    for _ in range(10):
        next(flow)
    assert caplog.text.count("whole numbers from 0 to 255") == 1


def test_want_of_memory_is_not_called_a_fault_of_the_file(
    tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise MemoryError

    (tmp_path / "normal").mkdir()
    _image().save(tmp_path / "normal" / "film.png")
    monkeypatch.setattr(decoding.images, "convert_and_resize", fail)
    with pytest.raises(ValueError, match="not enough memory.*film.png"):
        _flow(tmp_path)


def test_good_file_that_is_not_taken_is_not_called_corrupt(
    tmp_path, monkeypatch
):
    (tmp_path / "normal").mkdir()
    path = tmp_path / "normal" / "film.tif"
    Image.new("LAB", (20, 20)).save(path)
    with pytest.raises(ValueError, match="film.tif: cannot convert LAB to L"):
        _flow(tmp_path, color_mode="grayscale")
    _image().save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 37 * 53 // 3)
    with pytest.raises(ValueError, match="more than twice.*MAX_IMAGE_PIXELS"):
        _flow(tmp_path)


def test_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "normal").mkdir()
    path = tmp_path / "normal" / "film.png"
    for make, reason in (
        (lambda: path.symlink_to("nowhere"), "No such file"),
        (lambda: path.write_bytes(b""), "no image that Pillow knows"),
        (lambda: path.write_text("text"), "no image that Pillow knows"),
        (lambda: _image().save(path), "truncated"),
    ):
        path.unlink(missing_ok=True)
        make()
        if reason == "truncated":
            path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(ValueError, match=f"Cannot decode .*{reason}"):
            _flow(tmp_path)


@pytest.mark.parametrize("size", [(0, 3), (3,), 3, (3.0, 3), None, "33"])
def test_size_that_is_no_pair_of_numbers_is_refused(size, tmp_path):
    with pytest.raises(ValueError, match="`target_size` must be a pair.*Rece"):
        _flow(tmp_path, target_size=size)


def test_size_may_be_a_list(tmp_path):
    (tmp_path / "normal").mkdir()
    _image().save(tmp_path / "normal" / "film.png")
    flow = _flow(tmp_path, target_size=[24, np.int64(31)])
    assert flow.target_size == (24, 31)


_MEASURE = """
import json, resource, sys
import migration, pipeline
import tensorflow as tf

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def flow(**options):
    return migration.flow_from_directory(
        pipeline.AugmentConfig(), sys.argv[1], target_size=(256, 256),
        batch_size=4, jit_compile=False, **options)

first = next(flow(memory_budget_bytes=1))  # What is loaded and traced once.
before = peak()
streamed = flow(memory_budget_bytes=1)
for _ in streamed.dataset: pass
between = peak()
flow()
pixels = streamed.samples * 256 * 256 * 3
print(json.dumps([(between - before) / pixels, (peak() - before) / pixels]))
"""


def test_memory_holds_the_pixels_once_or_beyond_the_budget_a_few(tmp_path):
    (tmp_path / "normal").mkdir()
    first = tmp_path / "normal" / "film.png"
    Image.new("L", (256, 256)).save(first)
    for number in range(800):  # 157 MB of pixels
        os.link(first, first.with_name(f"{number}.png"))
    result = subprocess.run(
        [sys.executable, "-c", _MEASURE, tmp_path],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    streamed, in_memory = json.loads(result.stdout)
    assert streamed < 0.5
    assert in_memory < 1.6
