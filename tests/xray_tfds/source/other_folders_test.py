"""What beside the films is named for what it is, and never taken for one."""

import gzip
import io
import zipfile

from PIL import Image
import pytest

from tests.helpers import image_trees
from xray_tfds.source import class_names
from xray_tfds.source import other_folders
from xray_tfds.source import scan
from xray_tfds.source import tables

_CLASSES = ("normal", "pneumonia")

_OFFICE = "a document of an office program"
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"


def _find(root):
    """Returns the names of the films, and name -> reason of what is none."""
    source = scan.find(root, _CLASSES)
    reasons = {item.filename: item.reason for item in source.ignored}
    return [file.filename for file in source.files], reasons


def _encoded(kind):
    stream = io.BytesIO()
    Image.new("L", (64, 64)).save(stream, kind)
    return stream.getvalue()


def _zipped(name="normal/a.png", content=b""):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(name, content)
    return stream.getvalue()


def test_masks_beside_their_films_are_no_films(tmp_path):
    films = [
        *("normal/a (1).png", "normal/b.jpeg", "normal/unmasked.png"),
        *("normal/c_mask.png", "normal/label.png", "pneumonia/d.png"),
    ]
    masks = [
        *("normal/a (1)_mask.png", "normal/a (1)_mask_1.png"),
        *("normal/B_Segmentation.tif", "pneumonia/d.label.png"),
    ]
    image_trees.write_images(tmp_path, films + masks)
    found, reasons = _find(tmp_path)
    # There is no film to `c_mask`.
    assert sorted(found) == sorted(films)
    assert reasons == dict.fromkeys(masks, other_folders.NO_FILM)


@pytest.mark.parametrize("header", ["label", ""])
def test_table_may_name_what_is_taken_for_a_mask(header, tmp_path):
    """In any spelling, as other files; with a label it is a film."""
    films = ["normal/A.png", "normal/A_Mask.png", "pneumonia/b.png"]
    image_trees.write_images(tmp_path / "films", films)
    rows = [("filename", "patient", header)]
    rows += [(name.lower(), "p", name.split("/")[0]) for name in films]
    width = 3 if header else 2
    path = tmp_path / "table.csv"
    path.write_text("\n".join(",".join(row[:width]) for row in rows))
    table = tables.read_table(str(path))
    source = scan.find(tmp_path / "films", _CLASSES, table)
    found = [file.filename for file in source.files]
    assert found == (films if header else [films[0], films[2]])
    assert ("are left out, for example" in str(source.cautions)) != bool(header)


@pytest.mark.parametrize(
    "name, is_one",
    [
        ("leftMask", True),
        ("lung_masks", True),
        ("ManualMask", True),
        ("Masked", False),
        ("LABELED", False),
    ],
)
def test_word_for_masks_is_found_in_names_of_folders(name, is_one):
    assert other_folders.holds_no_films(name) == is_one


@pytest.mark.parametrize("name", ["@eaDir", "$RECYCLE.BIN", "__MACOSX"])
def test_what_systems_put_there_is_hidden(name, tmp_path):
    films = ["normal/a.png", "pneumonia/b.png"]
    image_trees.write_images(tmp_path, films)
    image_trees.write_images(
        tmp_path, [f"{name}/a/THUMB.jpg", f"normal/{name}/a/THUMB.jpg"], seed=1
    )
    assert _find(tmp_path) == (
        films,
        {f"{name}/": "hidden", f"normal/{name}/": "hidden"},
    )
    assert class_names.find(tmp_path) == _CLASSES


@pytest.mark.parametrize(
    "name, data, reason",
    [
        ("a.webp", _encoded("WEBP"), "WebP is not read; convert it"),
        ("a.gif", _encoded("GIF"), "GIF is not read; convert it"),
        ("a.zip", _zipped(), "a ZIP archive: unpack it"),
        ("a.dcm.gz", gzip.compress(b"x"), "compressed by gzip: unpack it"),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0", "not an image"),
        ("a.mp4", b"\0\0\0\x20ftypisom\0\0\2\0", "not an image"),
        (
            "a.heic",
            b"\0\0\0\x18ftypheic",
            "HEIF or AVIF is not read; convert it",
        ),
        ("a.xlsx", _zipped("[Content_Types].xml"), _OFFICE),
        ("a.ods", _zipped("mimetype", _ODS), _OFFICE),
    ],
    # Of bytes it would hold the time of compression.
    ids="webp gif zip gzip other mp4 heic xlsx ods".split(),
)
def test_film_that_is_not_read_is_not_called_no_image(
    name, data, reason, tmp_path
):
    image_trees.write_images(tmp_path, ["normal/b.png", "pneumonia/b.png"])
    (tmp_path / "normal" / name).write_bytes(data)
    assert _find(tmp_path)[1] == {f"normal/{name}": reason}
    (tmp_path / "normal" / "b.png").unlink()
    with pytest.raises(scan.SourceError, match=f"Found normal/{name}: "):
        _find(tmp_path)


@pytest.mark.parametrize("classes", [_CLASSES, class_names.AUTO])
def test_archive_in_the_place_of_folders_is_named(classes, tmp_path):
    (tmp_path / "films.zip").write_bytes(_zipped())
    find = class_names.find if classes == class_names.AUTO else _find
    with pytest.raises(
        scan.SourceError, match=r"Found films.zip, a ZIP archive: unpack it\."
    ):
        find(tmp_path)
