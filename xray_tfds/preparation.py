"""A folder of images -> prepared records, in one call."""

import contextlib
import dataclasses
import os
from typing import Any

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds import config as config_lib
from xray_tfds import parallel
from xray_tfds import xray_tfds_dataset_builder
from xray_tfds.records import earlier
from xray_tfds.records import intake as intake_lib
from xray_tfds.records import manifest
from xray_tfds.records import places
from xray_tfds.records import publishing
from xray_tfds.records import replacing
from xray_tfds.records import storage
from xray_tfds.source import class_names
from xray_tfds.source import digest_index
from xray_tfds.source import files as files_lib
from xray_tfds.source import source_files


def prepare(
    images_dir: epath.PathLike,
    data_dir: epath.PathLike,
    *,
    publish_dir: epath.PathLike | None = None,
    **options: Any,
) -> xray_tfds_dataset_builder.Builder:
    """Builds the records of a folder, or finds those built before.

    The directory of the records carries the fingerprint of the images, so that
    changed images make new records and never reuse the old. Patients who were
    in the newest records of the same folder and options keep their splits; a
    table of patients may have other rows by then.

    Every file is decoded once. An index beside the records tells by sizes and
    times which files are as they were, and need not be read again; it may be
    deleted at any time. What was decoded for the newest records of the same
    folder and options is taken from them, by the content of the files: new ones
    are read to be known, and again to be decoded.

    Args:
        images_dir: Folder in one of the layouts of `xray_tfds.source.layouts`,
            of this machine or `s3://BUCKET/FOLDER`.
        data_dir: Directory for records, outside that folder; they lie in
            `<data_dir>/<name of images_dir>-<fingerprint>/xray_tfds/...`.
        publish_dir: Where the records are copied to for other machines, also
            those that were there before: a directory outside the other two, or
            `s3://BUCKET/FOLDER`; they lie in it as they do in `data_dir`.
            None or empty for nowhere.
        **options: Fields of `XrayConfig`.

    Returns:
        A prepared `tfds.core.DatasetBuilder`. Where another process prepares
        the same folder, its records.

    Raises:
        ValueError: If an option or the folder is not as it must be; as
            `errors.StorageError` if the records cannot be written or read.
            What `publish_dir` must be is tried before anything is read.
    """
    images_dir = files_lib.to_folder(images_dir)
    places.check_writable(data_dir)
    given = _make_config(options)
    config = given.find_classes(images_dir)
    data_dir = epath.Path(data_dir).expanduser()
    places.check_apart(data_dir, images_dir)
    if publish_dir:
        publishing.check(publish_dir, data_dir, images_dir)
    name = images_dir.resolve().name
    # The records' directory is named like it.
    places.check_utf8("images_dir", name)

    def make_builder(fingerprint: str) -> xray_tfds_dataset_builder.Builder:
        return xray_tfds_dataset_builder.Builder(
            data_dir=data_dir / f"{name}-{fingerprint[:12]}", config=config
        )

    place = os.path.join(*make_builder("").data_path.parts[-3:])
    with storage.reporting_errors(data_dir), contextlib.ExitStack() as stack:
        stack.enter_context(parallel.collecting_new())
        states = earlier.find_states(data_dir, name)
        intake = intake_lib.Intake(config, states, rehash=config.rehash)
        source, newest = intake.find(images_dir), None
        if config is not given:
            print(class_names.describe(source, config.class_names))
        if not source.is_read() or not (
            make_builder(source.fingerprint).is_prepared()
        ):
            is_alone = stack.enter_context(
                replacing.taking_turns(data_dir / name)
            )
            replacing.clear_staging(data_dir / name, is_alone)
            if (now := earlier.find_states(data_dir, name)) != states:
                # Another process has prepared it meanwhile.
                intake = intake_lib.Intake(config, now, rehash=config.rehash)
            digest = digest_index.path_digest(images_dir)
            intake.earlier_dir = newest = earlier.find_newest(
                data_dir, name, place, config, digest
            )
        stack.callback(intake.forget)
        source = _read(intake, images_dir, data_dir / name, place)
        builder = make_builder(source.fingerprint)
        if not builder.is_prepared():
            # What an index knows may be a file that cannot be read any more.
            source = _examine(intake, images_dir, data_dir / name)
            builder = make_builder(source.fingerprint)
        builder.intake = intake
        if not builder.is_prepared() and newest is not None:
            builder.use_splits_of(newest)
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=images_dir)
        )
    if publish_dir:
        publishing.publish(builder.data_path, data_dir, publish_dir)
    return builder


def _make_config(options: dict[str, Any]) -> config_lib.XrayConfig:
    known = {field.name for field in dataclasses.fields(config_lib.XrayConfig)}
    if unknown := sorted(set(options) - known):
        raise ValueError(
            "`options` must be fields of XrayConfig (xray_tfds/config.py). "
            f"Received: {', '.join(map(repr, unknown))}"
        )
    return config_lib.XrayConfig(**options)


def _read(
    intake: intake_lib.Intake,
    images_dir: epath.Path,
    path: epath.Path,
    place: str,
) -> source_files.Source:
    """Returns what a folder holds, with all digests.

    Files that are new are only read if there may be records of them. Else they
    are decoded at once, so that no byte is read twice.
    """
    source = intake.find(images_dir)
    if source.is_read():
        return source
    records = earlier.find_records(path.parent, path.name, place)
    if any(manifest.lists_files(path, source.files) for path in records):
        return intake.read_digests(images_dir)
    return _examine(intake, images_dir, path)


def _examine(
    intake: intake_lib.Intake, images_dir: epath.Path, path: epath.Path
) -> source_files.Source:
    """Returns what a folder holds, with the digests of what can be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if intake.earlier_dir is not None:
        # Another hash key is told now, not after hours of decoding.
        earlier.read_assignment(intake.earlier_dir, intake.hash_key)
    return intake.examine(images_dir, path).source
