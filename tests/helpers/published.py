"""Records, and copies of them, file by file."""

import pathlib

from xray_tfds.records import integrity

CHECKSUMS = "build_report/checksums.json"
INFO = "dataset_info.json"
SHARD = "xray_tfds-validation.tfrecord-00000-of-00001"


def files_of(builder):
    """Returns each file of records, by its name below the data directory."""
    root = pathlib.Path(builder.data_path).parents[3]
    return files_below(builder.data_path, root)


def files_below(directory, root=None):
    """Returns the content of each file below a directory, by its name."""
    return {
        path.relative_to(root or directory).as_posix(): path.read_bytes()
        for path in pathlib.Path(directory).rglob("*")
        if path.is_file()
    }


def make_others(builder):
    """Makes others of the same images, as large, as another version might."""
    path = builder.data_path / "LICENSE"
    path.write_text(path.read_text()[::-1])
    (builder.data_path / CHECKSUMS).unlink()
    with integrity.adding_checksums(builder.data_path):
        pass
