"""Pictures of scored films, kept apart from films and from each other."""

import io
import os
import pathlib

from PIL import Image
import numpy as np
import pytest

from inference import inputs
from inference import overlay_files
from inference import prediction
from inference import prediction_rows
from tests.helpers import predictors


def _maps(images, classes):
    return np.zeros(images.shape[:3], np.float32)


def _score(predictor, path, grey):
    pixels = np.full(predictors.SHAPE, grey, np.uint8)
    [found] = predictor.predict(pixels[np.newaxis])
    return prediction.Scored(prediction_rows.Row(path, found), pixels)


def test_row_of_an_earlier_call_keeps_its_picture(tmp_path):
    """Films of different patients have the same names in their folders."""
    predictor = predictors.make(maps=_maps)
    written = {}
    for grey, folder in ((10, "a"), (90, "b"), (200, "c")):
        scored = _score(predictor, f"{folder}/IM-0001.dcm", grey)
        files = overlay_files.OverlayFiles(predictor, str(tmp_path))
        [row] = files.draw([scored], 0)
        written[row.overlay] = grey
    assert len(written) == 3
    for path, grey in written.items():
        assert np.unique(np.asarray(Image.open(path))).tolist() == [grey]
    assert min(written) == str(tmp_path / "000001-IM-0001-2.png")
    assert str(tmp_path / "000001-IM-0001.png") in written


def test_row_of_another_process_keeps_its_picture(tmp_path, monkeypatch):
    """One that draws a film of the same number and name, at the same time."""
    predictor = predictors.make(maps=_maps)
    rows, save = {}, Image.Image.save

    def draw(grey):
        scored = _score(predictor, "a.png", grey)
        files = overlay_files.OverlayFiles(predictor, str(tmp_path))
        rows[grey] = files.draw([scored], 0)[0].overlay

    def save_later(*args, **kwargs):
        monkeypatch.setattr(Image.Image, "save", save)
        draw(200)
        save(*args, **kwargs)

    monkeypatch.setattr(Image.Image, "save", save_later)
    draw(10)
    assert len(set(rows.values())) == len(os.listdir(tmp_path)) == 2
    for grey, path in rows.items():
        assert np.unique(np.asarray(Image.open(path))).tolist() == [grey]


def test_picture_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    predictor = predictors.make(maps=_maps)
    files = overlay_files.OverlayFiles(predictor, str(tmp_path))
    with pytest.raises(ValueError, match="No space left.*--explain_dir=DIR"):
        files.draw([_score(predictor, "a.png", 10)], 0)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "directory, argument",
    [
        ("films/maps", "films"),
        ("films/deep/maps", "films/../films/"),
        ("films", "films"),
        ("films/x[1]/maps", "films/x[1]"),
        ("link/maps", "films"),
    ],
)
def test_folder_with_pictures_is_refused(
    directory, argument, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    os.makedirs("films/x[1]")
    os.symlink("films", "link")
    with pytest.raises(ValueError, match="--explain_dir=DIR with another"):
        overlay_files.check_apart(directory, ["other.png", argument])


@pytest.mark.parametrize(
    "directory, argument",
    [
        ("maps", "films"),
        ("films-maps", "films"),
        ("films/.maps", "films"),
        ("films/maps", "films/a.png"),
        ("films/maps", "films/*.jpeg"),
        ("maps", "-"),
    ],
)
def test_directory_beside_films_is_taken(
    directory, argument, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    os.mkdir("films")
    overlay_files.check_apart(directory, [argument])


@pytest.mark.parametrize(
    "argument", ["films/*", "films/**/*.png", "f*/maps/*", "-", "films/maps"]
)
def test_pictures_are_no_films(argument, tmp_path, monkeypatch):
    # Brackets in the path of a directory mean nothing.
    (tmp_path / "x[1]" / "films" / "maps").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "x[1]")
    picture, film = "films/maps/000001-IM-2.png", "films/maps/IM-1.png"
    for path in (picture, film):
        pathlib.Path(path).touch()
    stdin = io.BytesIO(f"{picture}\n{film}".encode())
    found = list(
        overlay_files.mark(inputs.expand([argument], stdin), "./films/maps")
    )
    assert [(each.path, bool(each.error)) for each in found] == [
        (picture, True),
        (film, False),
    ]
