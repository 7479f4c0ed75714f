"""A folder of images -> prepared records, in one call."""

import dataclasses

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds import config as config_lib
from xray_tfds import xray_tfds_dataset_builder
from xray_tfds.records import manifest
from xray_tfds.source import scan
from xray_tfds.source import tables


def prepare(images_dir, data_dir, **options):
    """Builds the records of a folder, or finds those built before.

    The directory of the records carries the fingerprint of the images, so that
    changed images make new records and never reuse the old. Patients who were
    in the newest records of the same folder and options keep their splits.

    Args:
        images_dir: Folder in one of the layouts of `sources`.
        data_dir: Directory for records; they lie in
            `<data_dir>/<name of images_dir>-<fingerprint>/xray_tfds/...`.
        **options: Fields of `XrayConfig`.

    Returns:
        A prepared `tfds.core.DatasetBuilder`.

    Raises:
        ValueError: If an option or the folder is not as it must be.
    """
    known = {field.name for field in dataclasses.fields(config_lib.XrayConfig)}
    if unknown := ", ".join(sorted(set(options) - known)):
        raise ValueError(
            "`options` must be fields of XrayConfig (xray_tfds/config.py). "
            f"Received: {unknown}"
        )
    config = config_lib.XrayConfig(**options)
    table = tables.read_table(config.patients_csv)
    source = scan.scan(images_dir, config.class_names, table)
    name = epath.Path(images_dir).expanduser().resolve().name
    data_dir = epath.Path(data_dir)
    builder = xray_tfds_dataset_builder.Builder(
        data_dir=data_dir / f"{name}-{source.fingerprint[:12]}", config=config
    )
    builder.use_source(source)
    if earlier := _newest_records(data_dir, name, builder):
        builder.use_splits_of(earlier)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=images_dir)
    )
    return builder


def _newest_records(data_dir, name, builder):
    """Returns the newest directory of records of other states of a folder."""
    place = "/".join(builder.data_path.parts[-3:])
    found = [
        path
        for path in data_dir.glob(f"{name}-*/{place}")
        if path != builder.data_path and (path / manifest.FOLDER).exists()
    ]
    return max(found, key=lambda path: path.stat().mtime, default=None)
