"""What was named is found, in order, and nothing is left out in silence."""

import io
import os
import pathlib

import pytest

from inference import inputs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("films/b.png", "films/a/2.dcm", "films/a/10.png", "c.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def expand(*arguments, stdin=b""):
    return list(inputs.expand(arguments, io.BytesIO(stdin)))


def paths(*arguments, stdin=b""):
    found = expand(*arguments, stdin=stdin)
    assert not any(each.error for each in found)
    return [each.path for each in found]


def test_files_come_in_the_order_in_which_they_are_named(folder):
    assert paths("c.png", "films/b.png", "c.png") == [
        *("c.png", "films/b.png", "c.png")
    ]


def test_folders_are_walked_by_name(folder):
    assert paths("films") == ["films/a/10.png", "films/a/2.dcm", "films/b.png"]


def test_folders_may_be_deep(folder):
    deep = [f"films/a/{'z/' * depth}" for depth in range(1, 1001)]
    for path in deep:
        os.mkdir(path)
    film = pathlib.Path(deep[-1]) / "deep.png"
    film.write_bytes(b"x")
    assert paths("films")[2] == str(film)
    # What pytest uses to remove it is recursive.
    film.unlink()
    for path in reversed(deep):
        os.rmdir(path)


def test_hidden_files_of_a_folder_are_left_out_but_not_named_ones(folder):
    (folder / "films" / ".DS_Store").write_bytes(b"x")
    for name in ("__MACOSX", "@eaDir"):
        (folder / "films" / name).mkdir()
    assert len(paths("films")) == 3
    assert paths("films/.DS_Store") == ["films/.DS_Store"]


@pytest.mark.parametrize(
    "pattern, found",
    [
        ("films/*.png", ["films/b.png"]),
        ("films/**/*.png", ["films/a/10.png", "films/b.png"]),
        ("films/**/**/*.png", ["films/a/10.png", "films/b.png"]),
        ("fil*/a", ["films/a/10.png", "films/a/2.dcm"]),
        # Each file once, however many of its folders are matched, too.
        ("films/**", ["films/a/10.png", "films/a/2.dcm", "films/b.png"]),
        ("./f**/**", ["./films/a/10.png", "./films/a/2.dcm", "./films/b.png"]),
        ("[f]ilms/", ["films/a/10.png", "films/a/2.dcm", "films/b.png"]),
    ],
)
def test_patterns_are_matched(folder, pattern, found):
    assert paths(pattern) == found


def test_masks_in_a_folder_are_named_as_such(folder):
    """As the builder leaves them out; who names one itself means it."""
    masks = ("b_mask.png", "a/10-segmentation-2.png", "Lung masks/b.png")
    for name in (*masks, "other_mask.png", "c_masked.png"):
        path = folder / "films" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    found = {each.path: each.error for each in expand("films")}
    assert list(found) == [
        *("films/Lung masks", "films/a/10-segmentation-2.png"),
        *("films/a/10.png", "films/a/2.dcm", "films/b.png"),
        *("films/b_mask.png", "films/c_masked.png", "films/other_mask.png"),
    ]
    skipped = {path: error for path, error in found.items() if error}
    assert list(skipped) == [
        *("films/Lung masks", "films/a/10-segmentation-2.png"),
        "films/b_mask.png",
    ]
    for error in skipped.values():
        assert error.startswith("not scored: ") and "mask" in error
    assert len(paths("films/b_mask.png", "films/Lung masks")) == 2
    assert "films/b_mask.png" in paths("films/*.png")


def test_name_that_looks_like_a_pattern_is_a_name_if_it_is_there(folder):
    (folder / "film[1].png").write_bytes(b"x")
    assert paths("film[1].png") == ["film[1].png"]


@pytest.mark.parametrize(
    "name, reason",
    [
        ("nothing.png", "there is no such file"),
        ("nothing*.png", "no file matches the pattern"),
        ("empty", "a folder without files"),
        ("films", "a link to a folder, which is not followed"),
    ],
)
def test_what_is_not_there_is_told(folder, name, reason):
    (folder / "empty").mkdir()
    (folder / "films" / "loop").symlink_to(folder / "films")
    [found] = [each for each in expand(name) if each.error]
    assert reason in found.error
    assert found.path.startswith(name)


def test_folder_that_cannot_be_listed_is_told(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    [found] = expand("films")
    assert (found.path, "Permission denied" in found.error) == ("films", True)


@pytest.mark.parametrize(
    "text, found",
    [
        (b"c.png\nfilms\n", 4),
        (b"c.png\r\n\r\nfilms/b.png", 2),
        (b"c.png\0films/b.png\0", 2),
        # As an editor on Windows begins it.
        (b"\xef\xbb\xbfc.png\r\nfilms/b.png\r\n", 2),
        (b"\xef\xbb\xbfc.png", 1),
        (b"", 0),
    ],
)
def test_list_on_standard_input(folder, text, found):
    assert len(paths("-", stdin=text)) == found
    assert paths("films/b.png", "-", stdin=b"c.png") == ["films/b.png", "c.png"]


def test_any_name_survives_a_list(folder):
    names = [b"a\nb.png", b"\xff\xfe.png", " ü .png".encode(), b"x\r"]
    for name in names:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(b"x")
    found = paths("-", stdin=b"\0".join(names))
    assert [os.fsencode(path) for path in found] == names


def test_film_in_a_bucket_is_no_pattern(folder):
    name = "s3://hospital/film[1].png"
    assert paths(name, "-", stdin=name.encode()) == [name, name]


def test_long_list_is_read_as_it_comes(folder):
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:6] = b"c.png\n"
            return 6

    found = inputs.expand(["-"], io.BufferedReader(Endless()))
    assert [next(found).path for _ in range(1000)] == ["c.png"] * 1000


def test_list_that_cannot_be_read_is_told(folder):
    with open(folder / "list", "wb") as file:
        # As with `0> list` in the place of `0< list`.
        stream = open(file.fileno(), "rb", closefd=False)
        with pytest.raises(ValueError, match="standard input cannot be read"):
            list(inputs.expand(["-"], stream))
