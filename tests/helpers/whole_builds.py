"""Records of folders with all that a build decides about, byte by byte."""

import pathlib
import shutil

from PIL import Image
import tensorflow_datasets as tfds

from tests.helpers import dicom_files
from tests.helpers import image_trees
import xray_tfds


def write_tree(root):
    """Writes good, bad, doubled and nearly doubled films, and a DICOM."""
    image_trees.write_flat_tree(root, per_class=12)
    normal = root / "normal"
    (normal / "bad.png").write_bytes(b"no image")
    shutil.copy(normal / "IM-0000-0000.png", normal / "copy.png")
    film = Image.open(normal / "IM-0001-0002.png")
    film.save(normal / "same.bmp")
    film.point(lambda value: min(255, value + 3)).save(normal / "near.png")
    (normal / "film.dcm").write_bytes(
        dicom_files.written(dicom_files.dataset())
    )
    return root


def write_splits(root):
    """Writes given splits that share a patient and a name."""
    for split, seed in (("train", 0), ("validation", 1), ("test", 2)):
        image_trees.write_flat_tree(root / split, per_class=8, seed=seed)
    shutil.copy(
        root / "train" / "normal" / "IM-0000-0000.png",
        root / "test" / "normal" / "IM-0000-0000.png",
    )
    return root


def build(images, data_dir, options, **download_options):
    """Builds small records with options, `file_format` among them."""
    options = dict(options)
    file_format = options.pop("file_format", "tfrecord")
    builder = xray_tfds.Builder(
        data_dir=data_dir,
        config=xray_tfds.XrayConfig(
            image_size=(32, 24), max_bad_fraction=0.5, **options
        ),
        file_format=file_format,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=images, num_shards=2, **download_options
        )
    )
    return pathlib.Path(builder.data_dir)


def content(records):
    """Returns relative path -> bytes of all files of a folder."""
    return {
        path.relative_to(records): path.read_bytes()
        for path in records.rglob("*")
        if path.is_file()
    }


def find_left(folder):
    """Returns what a build leaves in a folder while it runs, or is killed."""
    kinds = ("incomplete*", "examples-*")
    return [path for kind in kinds for path in folder.rglob(kind)]


TREES = {"flat": write_tree, "splits": write_splits}
