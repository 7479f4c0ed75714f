"""Names of files, also those that Windows gives them (by Python's `ntpath`)."""

import ntpath
import types

import pytest

from xray_tfds.source import files
from xray_tfds.source import names


@pytest.fixture
def windows(monkeypatch):
    """Python's own rules for paths of Windows, in place of this system's."""
    system = types.SimpleNamespace(path=ntpath, sep="\\")
    monkeypatch.setattr(names, "os", system)


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    "name, expected",
    [
        (r"C:\films\train\a.png", "train/a.png"),
        ("C:/films/train/a.png", "train/a.png"),
        # As drives and folders are to Windows: in any case.
        (r"c:\FILMS\train\A.png", "train/A.png"),
        (r"train\a.png", "train/a.png"),
        (r".\train\..\a.png", "a.png"),
        (r"D:\films\train\a.png", None),
        (r"C:\other\a.png", None),
        (r"..\a.png", None),
    ],
)
def test_names_of_windows_are_relative_to_their_folder(name, expected):
    assert names.relative(name, r"C:\films") == expected


@pytest.mark.parametrize(
    "path, expected",
    [
        (r"C:\films", True),
        ("C:/films", True),
        ("C://films", True),
        (r"\\server\share\films", True),
        ("films", True),
        ("films/a://b", True),
        ("gs://bucket/films", False),
        ("s3://bucket/films", False),
    ],
)
def test_drive_is_no_scheme_of_a_cloud(path, expected):
    assert files.is_local(path) == expected
