"""A folder of images -> prepared records, in one call."""

from collections.abc import Sequence
import contextlib
import dataclasses
import os
from typing import Any
from typing import Optional

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds import config as config_lib
from xray_tfds import xray_tfds_dataset_builder
from xray_tfds.records import earlier
from xray_tfds.records import examination as examination_lib
from xray_tfds.records import manifest
from xray_tfds.records import replacing
from xray_tfds.records import storage
from xray_tfds.source import digest_index
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import scan
from xray_tfds.source import source_files
from xray_tfds.source import tables


def prepare(
    images_dir: epath.PathLike, data_dir: epath.PathLike, **options: Any
) -> xray_tfds_dataset_builder.Builder:
    """Builds the records of a folder, or finds those built before.

    The directory of the records carries the fingerprint of the images, so that
    changed images make new records and never reuse the old. Patients who were
    in the newest records of the same folder and options keep their splits.

    Every file is read once. An index beside the records tells by sizes and
    times which files are as they were; it may be deleted at any time.

    Args:
        images_dir: Folder in one of the layouts of `xray_tfds.source.layouts`.
        data_dir: Directory for records, outside that folder; they lie in
            `<data_dir>/<name of images_dir>-<fingerprint>/xray_tfds/...`.
        **options: Fields of `XrayConfig`.

    Returns:
        A prepared `tfds.core.DatasetBuilder`. Where another process prepares
        the same folder, its records.

    Raises:
        ValueError: If an option or the folder is not as it must be; as
            `errors.StorageError` if the records cannot be written or read.
    """
    config = _make_config(options)
    images_dir = epath.Path(images_dir).expanduser()
    data_dir = epath.Path(data_dir).expanduser()
    files_lib.check_apart(data_dir, images_dir)
    name = images_dir.resolve().name

    def make_builder(fingerprint: str) -> xray_tfds_dataset_builder.Builder:
        return xray_tfds_dataset_builder.Builder(
            data_dir=data_dir / f"{name}-{fingerprint[:12]}", config=config
        )

    place = os.path.join(*make_builder("").data_path.parts[-3:])
    with storage.reporting_errors(data_dir), contextlib.ExitStack() as stack:
        states = earlier.find_states(data_dir, name)
        source, index = _find(images_dir, states, config)
        if not source.is_read() or not (
            make_builder(source.fingerprint).is_prepared()
        ):
            stack.enter_context(replacing.taking_turns(data_dir / name))
            if (now := earlier.find_states(data_dir, name)) != states:
                # Another process has prepared it meanwhile.
                source, index = _find(images_dir, now, config)
        source, examination = _read(source, data_dir, config, place)
        builder = make_builder(source.fingerprint)
        builder.intake.use(source, examination, index)
        if not builder.is_prepared():
            newest = earlier.find_newest(
                data_dir, name, place, digest_index.path_digest(images_dir)
            )
            if newest is not None:
                builder.use_splits_of(newest)
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=images_dir)
        )
    return builder


def _make_config(options: dict[str, Any]) -> config_lib.XrayConfig:
    known = {field.name for field in dataclasses.fields(config_lib.XrayConfig)}
    if unknown := ", ".join(sorted(set(options) - known)):
        raise ValueError(
            "`options` must be fields of XrayConfig (xray_tfds/config.py). "
            f"Received: {unknown}"
        )
    return config_lib.XrayConfig(**options)


def _find(
    images_dir: epath.Path,
    states: Sequence[epath.Path],
    config: config_lib.XrayConfig,
) -> tuple[source_files.Source, digest_index.DigestIndex]:
    """Returns what a folder holds, with the digests known from its states."""
    index = digest_index.DigestIndex(images_dir, *states)
    table = tables.read_table(config.patients_csv)
    return scan.find(images_dir, config.class_names, table, index), index


def _read(
    source: source_files.Source,
    data_dir: epath.Path,
    config: config_lib.XrayConfig,
    place: str,
) -> tuple[source_files.Source, Optional[examination_lib.Examination]]:
    """Returns the source with all digests, and its files if it decoded them.

    Files that are new are only read if there may be records of them. Else they
    are decoded at once, so that no byte is read twice.
    """
    if source.is_read():
        return source, None
    records = earlier.find_records(data_dir, source.root.resolve().name, place)
    if any(manifest.lists_files(path, source.files) for path in records):
        return source_files.read_digests(source), None
    data_dir.mkdir(parents=True, exist_ok=True)
    examination = examination_lib.examine(
        source, config, data_dir, hash_key_lib.HashKey()
    )
    return examination.source, examination
