"""The pictures of a run, read back as pixels."""

import math

from PIL import Image
from PIL import ImageColor
import numpy as np
import pytest

from evaluation import plots
from pages import charts


def _read(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize("num_images", [1, 6, 7])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_contact_sheet_shows_every_image(num_images, channels, tmp_path):
    # Each image is its own shade of red or grey on a frame of extremes.
    images = np.zeros((num_images, 40, 60, channels))
    images[:, 0, 0] = 255
    shades = np.linspace(60, 200, num_images)
    images[:, 4:, 4:, 0] = shades[:, None, None]
    path = tmp_path / "sheet.png"
    plots.plot_contact_sheet(images, ["title"] * num_images, path)
    pixels = _read(path)
    for shade in shades:
        rest = 0 if channels > 1 else shade
        close = np.abs(pixels - [shade, rest, rest]).max(axis=-1) < 2
        assert close.sum() > 3000, shade


def test_contact_sheet_titles_its_images(tmp_path):
    images = np.linspace(0, 1, 2 * 40 * 40).reshape(2, 40, 40, 1)
    sheets = []
    for titles in (["normal", "pneumonia"], ["", ""]):
        plots.plot_contact_sheet(images, titles, tmp_path / "sheet.png")
        sheets.append(_read(tmp_path / "sheet.png"))
    with_titles, without = sheets
    changed = (with_titles != without).any(axis=(1, 2))
    columns = (with_titles != without).any(axis=(0, 2))
    # Both titles stand above the images, one over each.
    assert changed[: len(changed) // 2].any()
    assert not changed[len(changed) // 2 :].any()
    assert columns[: len(columns) // 2].any()
    assert columns[len(columns) // 2 :].any()


def test_contact_sheet_of_equal_images_is_drawn(tmp_path):
    plots.plot_contact_sheet(
        np.zeros((2, 8, 8, 1)), ["a", "b"], tmp_path / "sheet.png"
    )
    assert _read(tmp_path / "sheet.png").size


def _records(values):
    return [
        {
            "epoch": epoch + 1,
            **{
                prefix + name: value
                for prefix in ("", "val_")
                for name in ("loss", "accuracy", "auc")
            },
        }
        for epoch, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    "values",
    [[0.5], [0.7, 0.5, 0.6], [0.5, math.nan, 0.4]],
    ids=["one_epoch", "three_epochs", "nan_leaves_a_gap"],
)
def test_curves_are_drawn_in_both_colors(values, tmp_path):
    records = _records(values)
    for record in records:
        record["val_loss"] += 0.1
        record["val_accuracy"] += 0.1
        record["val_auc"] += 0.1
    path = tmp_path / "curves.png"
    plots.plot_curves(records, path)
    pixels = _read(path)
    for color in charts.SERIES_COLORS[:2]:
        rgb = ImageColor.getrgb(color)
        assert (np.abs(pixels - rgb).max(axis=-1) < 3).sum() > 60
