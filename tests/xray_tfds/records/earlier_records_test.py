"""What was decoded for earlier records is decoded once."""

import hashlib
import io
import json
import pathlib
import shutil

from PIL import Image
import numpy as np
import pytest

from tests.helpers import damaged_files
from tests.helpers import dicom_files
from tests.helpers import image_trees
import xray_tfds
from xray_tfds.records import earlier_records
from xray_tfds.records import findings_file
from xray_tfds.source import digest_index
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib

_OPTIONS = {"image_size": (32, 24), "max_bad_fraction": 0.5}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder with good, bad and doubled files, and records; read only."""
    root = tmp_path_factory.mktemp("first")
    images = image_trees.write_flat_tree(root / "images", per_class=20)
    (images / "normal" / "bad.png").write_bytes(b"no image")
    shutil.copy(
        images / "normal" / "IM-0000-0000.png", images / "normal" / "copy.png"
    )
    _save_brighter(images / "normal" / "IM-0001-0002.png", "near.png")
    return images, pathlib.Path(_prepare(images, root / "data").data_dir)


def _save_brighter(path, name):
    film = Image.open(path)
    film.point(lambda value: min(255, value + 3)).save(path.with_name(name))


@pytest.fixture
def grown(first, tmp_path):
    """The same with two films more, and a copy of the records."""
    images, records = first
    shutil.copytree(images, tmp_path / "images")
    data_dir = tmp_path / "data"
    shutil.copytree(records.parents[3], data_dir)
    splits = records.relative_to(records.parents[3])
    _note_source(data_dir / splits, tmp_path / "images")
    names = ["normal/new1.png", "pneumonia/new2.png"]
    image_trees.write_images(tmp_path / "images", names, seed=9)
    return tmp_path / "images", data_dir / splits


def _note_source(records, images):
    """Makes records those of a folder at another place."""
    path = records / "build_report" / "splits.json"
    splits = json.loads(path.read_text())
    splits["source"] = xray_tfds.preparation.digest_index.path_digest(images)
    path.write_text(json.dumps(splits))


def _prepare(images, data_dir, **options):
    return xray_tfds.prepare(images, data_dir, **(_OPTIONS | options))


def _contents(builder):
    """Returns name -> bytes of all files of a dataset."""
    root = pathlib.Path(builder.data_dir)
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def _build_anew(grown, root):
    """Builds as if nothing had been found out before."""
    images, records = grown
    shutil.copytree(records.parents[3], root)
    for path in root.rglob(findings_file.FILE):
        path.unlink()
    return _contents(_prepare(images, root))


def test_added_films_alone_are_decoded_and_all_else_is_equal(
    grown, tmp_path, decoded, capsys
):
    images, records = grown
    anew = _build_anew(grown, tmp_path / "anew")
    assert len(decoded) == 47
    decoded.clear()
    capsys.readouterr()
    builder = _prepare(images, records.parents[3])
    # What was left out has no record: the report shows the near duplicate.
    names = ("normal/new1.png", "pneumonia/new2.png", "normal/near.png")
    sizes = [(images / name).stat().st_size for name in names]
    assert sorted(decoded) == sorted(sizes)
    assert "Taken from earlier records: 41 of 45" in capsys.readouterr().out
    assert _contents(builder) == anew


def test_film_that_was_left_out_is_decoded_once_it_is_kept(
    grown, tmp_path, decoded
):
    images, records = grown
    for name in ("new1.png", "IM-0001-0002.png"):  # Of which near.png is one.
        (images / "normal" / name).unlink()
    (images / "pneumonia" / "new2.png").unlink()
    anew = _build_anew(grown, tmp_path / "anew")
    decoded.clear()
    contents = _contents(_prepare(images, records.parents[3]))
    assert decoded == [(images / "normal" / "near.png").stat().st_size]
    assert contents == anew
    assert b"near.png" in contents["build_report/files.csv"]


def test_renamed_film_is_read_and_not_decoded(grown, decoded):
    images, records = grown
    for name in ("new1.png", "near.png"):
        (images / "normal" / name).unlink()
    (images / "pneumonia" / "new2.png").unlink()
    old = images / "normal" / "IM-0009-0019.png"
    old.rename(old.with_name("IM-0077-0001.png"))
    builder = _prepare(images, records.parents[3])
    assert not decoded
    rows = _contents(builder)["build_report/files.csv"].decode()
    (row,) = [r for r in rows.splitlines() if "IM-0077-0001" in r]
    assert ",normal,IM-0077,kept," in row


def _write_header(path, **changes):
    with np.load(path) as file:
        columns = dict(file)
    header = {**json.loads(columns.pop("header").tobytes()), **changes}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, header=text, **columns)


def _write_objects(path):
    with np.load(path) as file:
        columns = dict(file)
    columns["mean"] = np.array([{}] * len(columns["mean"]), object)
    buffer = io.BytesIO()
    np.savez(buffer, **columns)
    path.write_bytes(buffer.getvalue())


_DAMAGES = {
    "is damaged: empty": lambda path: path.write_bytes(b""),
    "is damaged: cut": lambda p: p.write_bytes(p.read_bytes()[:-99]),
    "is damaged: flipped": damaged_files.flip_bit,
    "is damaged: objects": _write_objects,
    "other versions": lambda path: _write_header(path, format=0),
    "other versions: Pillow": lambda p: _write_header(p, versions={}),
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_findings_of_no_use_are_named_and_all_is_decoded_anew(
    damage, grown, decoded, capsys
):
    images, records = grown
    path = records / "build_report" / findings_file.FILE
    _DAMAGES[damage](path)
    _prepare(images, records.parents[3])
    printed = capsys.readouterr().out
    assert f"{path} " in printed and damage.split(":")[0] in printed
    assert len(decoded) == 47


@pytest.mark.parametrize("at", [0.1, 0.3, 0.7])
def test_damage_anywhere_in_findings_changes_no_record(
    at, grown, tmp_path, capsys
):
    images, records = grown
    anew = _build_anew(grown, tmp_path / "anew")
    damaged_files.flip_bit(records / "build_report" / findings_file.FILE, at)
    contents = _contents(_prepare(images, records.parents[3]))
    assert "is damaged" in capsys.readouterr().out
    assert contents == anew


def test_films_of_damaged_records_are_decoded_anew(grown, tmp_path, decoded):
    images, records = grown
    anew = _build_anew(grown, tmp_path / "anew")
    decoded.clear()
    for name in ("train", "validation", "test"):
        (shard,) = records.glob(f"*-{name}.tfrecord-*")
        if name == "train":
            shard.write_bytes(shard.read_bytes()[:-2000])
        elif name == "test":
            shard.unlink()
        else:
            # The first PNG, behind the head of the record.
            data = bytearray(shard.read_bytes())
            data[data.index(b"IDAT") + 40] ^= 1
            shard.write_bytes(data)
    contents = _contents(_prepare(images, records.parents[3]))
    assert 6 < len(decoded) < 30
    assert contents == anew


@pytest.mark.parametrize("renamed", [False, True])
def test_records_that_change_once_they_were_looked_at_are_not_taken(
    renamed, grown, monkeypatch
):
    images, records = grown
    if renamed:  # Its example is made anew, of the PNG of the earlier one.
        old = images / "normal" / "IM-0001-0003.png"
        old.rename(old.with_name("IM-0077-0001.png"))
    find_examples = earlier_records._find_examples

    def find_and_damage(directory, wanted):
        found = find_examples(directory, wanted)
        for shard in records.glob("*.tfrecord-*"):
            data = shard.read_bytes()
            shard.write_bytes(data.replace(b"IDAT", b"IDAU"))
        return found

    monkeypatch.setattr(earlier_records, "_find_examples", find_and_damage)
    with pytest.raises(
        errors.SourceError, match="tfrecord-.* was changed while the dataset"
    ):
        _prepare(images, records.parents[3])


def test_file_whose_change_does_not_show_is_found_by_rehash(grown):
    images, records = grown
    before = _prepare(images, records.parents[3])
    film = images / "normal" / "IM-0001-0003.png"
    digest = hashlib.sha256(film.read_bytes()).hexdigest()
    image_trees.write_images(images, ["normal/IM-0001-0003.png"], seed=5)
    index = digest_index.DigestIndex(images)
    index.note("normal/IM-0001-0003.png", files_lib.look(film), (digest, ""))
    index.save(pathlib.Path(before.data_dir).parents[2])
    assert _prepare(images, records.parents[3]).data_dir == before.data_dir
    after = _prepare(images, records.parents[3], rehash=True)
    assert after.data_dir != before.data_dir
    assert after.builder_config.name == before.builder_config.name


def test_overwriting_decodes_what_is_new(grown, decoded):
    images, records = grown
    config = xray_tfds.XrayConfig(**_OPTIONS)
    tfds = xray_tfds.preparation.tfds
    for mode, number in (
        ("REUSE_DATASET_IF_EXISTS", 47),
        ("REUSE_CACHE_IF_EXISTS", 2),
    ):
        builder = xray_tfds.Builder(
            data_dir=records.parents[3] / "own", config=config
        )
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                manual_dir=images, download_mode=tfds.GenerateMode[mode]
            )
        )
        assert len(decoded) == number
        decoded.clear()
        image_trees.write_images(images, ["normal/newer.png"], seed=11)


def test_patients_of_dicom_are_those_of_the_header(tmp_path, decoded):
    images = tmp_path / "images"
    for number in range(12):
        for label in ("normal", "pneumonia"):
            path = images / label / f"{number}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng([number, len(label)])
            pixels = noise.integers(0, 255, (40, 40), np.uint8)
            name = f"{label}{number // 2}"
            ds = dicom_files.dataset(pixels, bits=8, PatientID=name)
            path.write_bytes(dicom_files.written(ds))
    before = _prepare(images, tmp_path / "data")
    assert len(decoded) == 24
    image_trees.write_images(images, ["normal/new.png"])
    after = _prepare(images, tmp_path / "data")
    assert len(decoded) == 25
    old, new = (
        _contents(builder)["build_report/files.csv"].decode().splitlines()
        for builder in (before, after)
    )
    assert set(old) < set(new) and "hash:" in old[1]
