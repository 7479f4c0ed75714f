"""Builds on Beam: the records of a local build, whatever happens to workers."""

import dataclasses
import pathlib
import shutil

from apache_beam.options import pipeline_options
from etils import epath
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers import image_trees
from tests.helpers import whole_builds
import xray_tfds
from xray_tfds.curate import examine
from xray_tfds.curate import findings as findings_lib
from xray_tfds.records import beam
from xray_tfds.records import example_files
from xray_tfds.records import examples
from xray_tfds.records import staging
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key
from xray_tfds.source import scan

_CONFIG = xray_tfds.XrayConfig(image_size=(32, 24), max_bad_fraction=0.5)
_KEY = hash_key.HashKey(b"key")


def _on_beam():
    return {"beam_options": pipeline_options.PipelineOptions([])}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    root = tmp_path_factory.mktemp("trees")
    table = "filename,patient\nnormal/IM-0001-0002.png,Jane Doe\n"
    (root / "patients.csv").write_text(table)
    made = {
        name: make(root / name) for name, make in whole_builds.TREES.items()
    }
    return root, made


@pytest.mark.parametrize(
    ("tree", "options"),
    [
        ("flat", {}),
        ("flat", {"on_duplicate": "keep_all", "color_mode": "rgb"}),
        ("flat", {"harmonize": "pad", "file_format": "array_record"}),
        ("flat", {"patients_csv": "patients.csv", "keep_aspect_ratio": True}),
        ("splits", {"on_leak": "move"}),
        ("splits", {"on_leak": "allow", "validation": "carve"}),
    ],
    ids=str,
)
def test_all_files_are_those_of_a_local_build(tree, options, trees, tmp_path):
    root, images = trees
    if "patients_csv" in options:
        options = {**options, "patients_csv": str(root / "patients.csv")}
    local = whole_builds.content(
        whole_builds.build(images[tree], tmp_path / "local", options)
    )
    beam_dir = tmp_path / "beam"
    records = whole_builds.build(images[tree], beam_dir, options, **_on_beam())
    assert whole_builds.content(records) == local
    assert len(local) >= 14
    assert not list(beam_dir.rglob("incomplete*"))


def test_workers_that_die_or_do_the_same_twice_change_nothing(
    trees, tmp_path, monkeypatch
):
    images = trees[1]["flat"]
    options = {"seed": 1}
    local = whole_builds.content(
        whole_builds.build(images, tmp_path / "local", options)
    )
    add, calls = example_files.ExampleFile.add, []

    def die_now_and_then(self, example):
        calls.append(example)
        if len(calls) % 5 == 0:
            raise ConnectionError("killed")
        return add(self, example)

    def run(beam_options, name, items, function):
        del beam_options, name
        for item in [*items, *reversed(list(items))]:
            try:
                function(item)
            except ConnectionError:
                function(item)

    monkeypatch.setattr(example_files.ExampleFile, "add", die_now_and_then)
    monkeypatch.setattr(beam, "_run", run)
    records = whole_builds.build(
        images, tmp_path / "beam", options, **_on_beam()
    )
    assert len(calls) > 50
    assert whole_builds.content(records) == local


def test_what_earlier_records_hold_is_not_decoded_again(
    trees, tmp_path, monkeypatch, decoded
):
    # The files are so new that otherwise each would be read to be known.
    monkeypatch.setattr(files_lib, "_is_settled", lambda stamp, now: True)
    images = shutil.copytree(trees[1]["flat"], tmp_path / "images")
    whole_builds.build(images, tmp_path / "beam", {})
    shutil.copytree(tmp_path / "beam", tmp_path / "anew")
    for path in (tmp_path / "anew").rglob("findings.npz"):
        path.unlink()
    film = images / "normal" / "IM-0001-0003.png"
    film.rename(film.with_name("renamed.png"))  # Its example has to be new.
    image_trees.write_images(images, ["normal/new.png"], seed=9)
    overwrite = {"download_mode": tfds.GenerateMode.REUSE_CACHE_IF_EXISTS}
    anew = whole_builds.content(
        whole_builds.build(images, tmp_path / "anew", {}, **overwrite)
    )
    decoded.clear()
    records = whole_builds.build(
        images, tmp_path / "beam", {}, **overwrite, **_on_beam()
    )
    assert 0 < len(decoded) < 10
    assert whole_builds.content(records) == anew


def test_file_that_changed_since_it_was_listed_is_named(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=2)
    source = scan.scan(images, ("normal", "pneumonia"))
    image_trees.write_images(images, [source.files[1].filename], seed=8)
    (tmp_path / "staging").mkdir()
    with pytest.raises(errors.SourceError) as caught:
        beam.examine(
            source.files,
            _CONFIG,
            beam.BeamOptions(None, None, epath.Path(tmp_path / "staging")),
            _KEY,
        )
    assert str(caught.value).startswith(str(source.files[1].path))


@pytest.fixture
def staged(tmp_path):
    """A folder with what a worker wrote, and the files it was given."""
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=2)
    source = scan.find(images, ("normal", "pneumonia"))
    first, *others = source.files
    files = [dataclasses.replace(first, patient="Jane Doe"), *others]
    folder = epath.Path(tmp_path / "staging")
    folder.mkdir()
    staging.write_files(folder, 0, files, _KEY)
    serializer = examples.Serializer(_CONFIG)
    found = [
        (each, serializer.serialize(each, png))
        for each, png in (
            examine.examine(file, _CONFIG, _KEY)
            for file, _ in staging.read_files(folder, 0)
        )
    ]
    staging.write_findings(folder, 0, found, _CONFIG)
    return folder, files, found


def test_what_is_read_back_is_what_was_found(staged):
    folder, files, found = staged
    columns, path, lengths = staging.read_findings(folder, 0, _CONFIG)
    files = [dataclasses.replace(file, patient="") for file in files]
    findings = findings_lib.Findings(files, columns)
    places = example_files.Places([path], [lengths])
    assert list(findings) == [each for each, _ in found]
    digests = [each.record_digest for each in findings]
    staging.write_shard(folder, 0, list(places)[::-1], digests[::-1])
    assert list(staging.read_shard(folder, 0)) == [e for _, e in found[::-1]]


def test_no_name_of_a_table_is_written(staged):
    folder, *_ = staged
    written = [path.read_bytes() for path in folder.iterdir()]
    assert len(written) == 3
    assert not any(b"Jane" in content for content in written)


def _pickle(path):
    np.savez(path, header=np.array([{"a": 1}], object))


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path):
    content = bytearray(path.read_bytes())
    # Within a PNG or the perceptual hashes, not between the parts of a file.
    middle = content.rfind(b"IDAT") if b"IDAT" in content else _middle(path)
    content[middle + 8] ^= 1
    path.write_bytes(content)


def _middle(path):
    with np.load(path) as file:
        return path.read_bytes().index(file["signature"].tobytes())


def _drop(path):
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files}
    del columns["lengths"]
    np.savez(path, **columns)


@pytest.mark.parametrize("damage", [_pickle, _cut, _flip, _drop])
def test_findings_that_no_worker_wrote_are_refused(damage, staged):
    folder, *_ = staged
    path = pathlib.Path(folder / "findings-000000.npz")
    damage(path)
    with pytest.raises(errors.SourceError, match=f"{path.name} was changed"):
        staging.read_findings(folder, 0, _CONFIG)


@pytest.mark.parametrize("damage", [_cut, _flip])
def test_examples_that_no_worker_wrote_are_refused(damage, staged):
    folder, _, found = staged
    _, path, lengths = staging.read_findings(folder, 0, _CONFIG)
    places = list(example_files.Places([path], [lengths]))
    digests = [each.record_digest for each, _ in found]
    staging.write_shard(folder, 0, places, digests)
    damage(pathlib.Path(path))
    with pytest.raises(errors.SourceError, match="examples-000000-.* changed"):
        list(staging.read_shard(folder, 0))


def test_findings_of_other_versions_are_refused(staged, monkeypatch):
    folder, *_ = staged
    versions = staging.findings_file._versions()
    monkeypatch.setattr(
        staging.findings_file,
        "_versions",
        lambda: {**versions, "pillow": "0.1"},
    )
    with pytest.raises(errors.SourceError, match="pillow .* and here '0.1'"):
        staging.read_findings(folder, 0, _CONFIG)
