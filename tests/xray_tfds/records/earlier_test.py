"""Patients of earlier records stay in their splits, or it is said why not."""

import csv
import errno
import json
import os
import pathlib

from etils import epath
import pytest
import tensorflow_datasets as tfds

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.curate import split_assignment
from xray_tfds.records import earlier
from xray_tfds.source import errors
from xray_tfds.source import hash_key

_CLASSES = ("normal", "pneumonia")
_OPTIONS = {"image_size": (16, 16)}


def _grow(root, count):
    """Writes a folder of so many films a class, and a table of them."""
    rows = ["filename,patient"]
    for seed, label in enumerate(_CLASSES):
        names = [f"{label}/{i}.png" for i in range(count)]
        image_trees.write_images(root / "images", names, seed=seed)
        rows += [f"{name},{label}-{i}" for i, name in enumerate(names)]
    (root / "table.csv").write_text("\n".join(rows))
    return {"patients_csv": str(root / "table.csv"), **_OPTIONS}


def _build(root, **options):
    """As `tfds build`."""
    builder = xray_tfds.Builder(
        data_dir=root / "data", config=xray_tfds.XrayConfig(**options)
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=root / "images")
    )
    return builder


def _prepare(root, **options):
    return xray_tfds.prepare(root / "images", root / "data", **options)


def _splits(builder):
    path = pathlib.Path(builder.data_dir) / "build_report" / "files.csv"
    with path.open() as file:
        return {row["filename"]: row["split"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("build", [_prepare, _build])
def test_patients_of_a_table_that_grows_stay_in_their_splits(
    build, tmp_path, decoded
):
    before = build(tmp_path, **_grow(tmp_path, 20))
    decoded.clear()
    grown = build(tmp_path, **_grow(tmp_path, 25))
    assert grown.data_dir != before.data_dir
    assert len(_splits(grown)) == 50
    assert _splits(before).items() <= _splits(grown).items()
    assert len(decoded) == 10
    path = epath.Path(grown.data_dir) / "build_report" / "splits.json"
    known = json.loads(path.read_text())["patients"]
    assert known == earlier.read_assignment(grown.data_dir, hash_key.HashKey())
    assert len(known) == 50
    # Other options are another division.
    other = build(tmp_path, **_grow(tmp_path, 25), seed=1)
    assert not _splits(before).items() <= _splits(other).items()


def test_table_that_gives_splits_by_now_is_followed(tmp_path, monkeypatch):
    # By some keys all whom validation had are given to test, which is refused.
    monkeypatch.setenv(hash_key.VARIABLE, "two")
    options = _grow(tmp_path, 10)
    table = pathlib.Path(options["patients_csv"])
    lines = table.read_text().splitlines()
    labels = [f"{line},{line.split('/')[0]}" for line in lines[1:]]
    table.write_text("\n".join([f"{lines[0]},label", *labels]))
    first = _splits(_prepare(tmp_path, **options))
    # Every second film to train; many of the others trained before.
    given = ["train" if i % 2 else "test" for i in range(len(labels))]
    rows = [f"{line},{split}" for line, split in zip(labels, given)]
    table.write_text("\n".join([f"{lines[0]},label,split", *rows]))
    second = _splits(_prepare(tmp_path, **options))
    for line, split in zip(labels, given):
        name = line.partition(",")[0]
        assert (second[name] == "test") == (split == "test")
        if split == "train" and first[name] != "test":
            assert second[name] == first[name]


def test_another_key_is_told_before_anything_is_decoded(
    tmp_path, monkeypatch, decoded
):
    monkeypatch.setenv(hash_key.VARIABLE, "one")
    _prepare(tmp_path, **_grow(tmp_path, 12))
    monkeypatch.setenv(hash_key.VARIABLE, "other")
    options = _grow(tmp_path, 13)
    decoded.clear()
    with pytest.raises(errors.SourceError, match="another key than this"):
        _prepare(tmp_path, **options)
    assert not decoded


def _write_records(directory, patients):
    report = epath.Path(directory) / "build_report"
    report.mkdir(parents=True)
    splits = {
        "fingerprint": split_assignment.fingerprint(patients.items()),
        "patients": patients,
    }
    (report / "splits.json").write_text(json.dumps(splits))
    return report / "splits.json"


def _read(directory):
    return earlier.read_assignment(directory, hash_key.HashKey(b"k"))


def test_splits_that_were_changed_are_not_believed(tmp_path):
    patients = {
        split_assignment.hash_patient(str(i)): split
        for i, split in enumerate(["train", "train", "test"])
    }
    path = _write_records(tmp_path, patients)
    assert _read(tmp_path) == patients
    text = path.read_text()
    odd = {**patients, next(iter(patients)): "tast"}
    print_of = split_assignment.fingerprint
    whole = json.dumps({"fingerprint": print_of(odd.items()), "patients": odd})
    for changed in (
        whole,
        text.replace('"test"', '"train"'),
        text.replace(next(iter(patients)), "0" * 32),
        text.replace('"fingerprint"', '"print"'),
        text.replace('"test"', "[]"),
        # Nobody's patients, hashed by no key, would all be divided anew.
        json.dumps({**json.loads(text), "hash_key": None}),
        json.dumps({**json.loads(text), "source": 5}),
        text[:-9],
        "[" * 99_999,
    ):
        assert changed != text
        path.write_text(changed)
        with pytest.raises(errors.SourceError, match="splits.json is damaged"):
            _read(tmp_path)


def test_splits_that_may_not_be_read_are_not_taken_for_none(
    tmp_path, monkeypatch
):
    path = _write_records(tmp_path, {})
    stat = os.stat

    def refuse(file, *args, **kwargs):
        if isinstance(file, (str, os.PathLike)) and os.fspath(file) == str(
            path
        ):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(file, *args, **kwargs)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(PermissionError, match="splits.json"):
        _read(tmp_path)


def test_newest_records_are_newest_within_a_second(tmp_path):
    times = {"a" * 12: 100.9, "b" * 12: 100.1, "c" * 12: 100.5}
    for state, when in times.items():
        directory = tmp_path / f"x-{state}" / "xray_tfds" / "any" / "1.0.0"
        _write_records(directory, {})
        for path in (directory, directory.parents[2]):
            os.utime(path, (when, when))
    data_dir = epath.Path(tmp_path)
    newest = earlier.find_newest(
        *(data_dir, "x", "xray_tfds/any/1.0.0"),
        xray_tfds.XrayConfig(),
        "digest",
    )
    assert newest.parts[-4] == f"x-{'a' * 12}"
    states = [path.name[2] for path in earlier.find_states(data_dir, "x")]
    assert states == ["b", "c", "a"]


@pytest.mark.parametrize("last", "abc")
def test_newest_records_in_a_bucket_are_known_by_their_files(
    last, tmp_path, monkeypatch
):
    for state in "abc":
        directory = tmp_path / f"x-{state * 12}" / "xray_tfds/any/1.0.0"
        when = 300 if state == last else 200
        os.utime(_write_records(directory, {}), (when, when))
        for path in (directory, directory.parents[2]):
            os.utime(path, (0, 0))  # As TensorFlow says of `gs://`.
    monkeypatch.setattr(earlier.files_lib, "is_local", lambda _: False)
    newest = earlier.find_newest(
        *(epath.Path(tmp_path), "x", "xray_tfds/any/1.0.0"),
        xray_tfds.XrayConfig(),
        "digest",
    )
    assert newest.parts[-4] == f"x-{last * 12}"
