"""Which paths lie within which others."""

import pytest

from disk import paths


@pytest.mark.parametrize(
    "path, directory, is_within",
    [
        ("s3://b/films/records", "s3://b/films", True),
        ("s3://b/films/", "s3://b/films", True),
        ("s3://b/films", "s3://b", True),
        ("s3://b/films-2", "s3://b/films", False),
        ("s3://b", "s3://b/films", False),
        ("gs://b/films", "s3://b/films", False),
        ("/s3/b", "s3://b", False),
        ("s3://b", "/", False),
    ],
)
def test_addresses_are_compared_by_folders(path, directory, is_within):
    assert paths.lies_within(path, directory) == is_within


def test_links_of_this_machine_are_followed(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "films")
    assert paths.lies_within(tmp_path / "link" / "a", tmp_path / "films")
    assert not paths.lies_within(tmp_path / "films-2", tmp_path / "films")
