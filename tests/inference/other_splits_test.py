"""Records of the same films in other splits are not those of a run."""

import contextlib
import json
import pathlib
import types

import pytest
import tensorflow_datasets as tfds

from inference import examples
from inference import records
from pipeline import fingerprints
from tests.helpers import image_trees
from training import config as config_lib
from training.checkpoint import resume
from training.cluster import rendezvous
from training.data import inputs
from training.data import splits as splits_lib
import xray_tfds
from xray_tfds.records import earlier


@pytest.fixture(scope="module")
def builders(tmp_path_factory):
    """Records of one folder: by one key, by another, and by the first again."""
    root = tmp_path_factory.mktemp("splits")
    names = [f"{c}/{i}.png" for c in ("normal", "pneumonia") for i in range(24)]
    image_trees.write_images(root / "films", names)
    table = root / "patients.csv"
    lines = [f"{name},{name[0]}{i // 2}" for i, name in enumerate(names)]
    table.write_text("\n".join(["filename,patient", *lines]))
    made = []
    with pytest.MonkeyPatch.context() as patched:
        for number, key in enumerate(("one", "other", "one")):
            patched.setenv("XRAY_TFDS_HASH_KEY", key)
            builder = xray_tfds.prepare(
                root / "films",
                root / str(number),
                image_size=(16, 16),
                patients_csv=str(table),
            )
            made.append(builder)
    one, other, _ = made
    # All else that is said of them is the same.
    assert one.info.full_name == other.info.full_name
    for split in ("train", "validation", "test"):
        lengths = [b.info.splits[split].shard_lengths for b in (one, other)]
        assert lengths[0] == lengths[1]
    return made


def _run_of(builder, place):
    """Returns what is asked of a run on some records, looked for at a place."""
    return types.SimpleNamespace(
        dataset={"name": builder.info.full_name, **builder.info.metadata},
        info={"records": str(place.data_dir)},
        flags={},
        workdir="runs/a",
    )


def test_evaluation_is_refused(builders):
    one, other, again = builders
    records.open_builder(_run_of(one, again))
    with pytest.raises(
        ValueError, match="runs/a .* learnt from films of their"
    ):
        records.open_builder(_run_of(one, other))


def test_records_of_an_older_version_do_not_say_it(builders):
    one, other, _ = builders
    run = _run_of(one, other)
    del run.dataset["splits_fingerprint"]
    records.open_builder(run)
    run.data_fingerprint = " ".join(
        fingerprints.of_records(one, split, with_splits=False)
        for split in ("train", "validation")
    )
    run.class_names, run.settings = ("normal", "pneumonia"), {}
    run.image_shape = one.info.features["image"].shape
    assert len(examples.open_split(run, "train")) > 0
    run.dataset["splits_fingerprint"] = other.info.metadata[
        "splits_fingerprint"
    ]
    with pytest.raises(ValueError, match="the records were built anew"):
        examples.open_split(run, "train")


def test_resuming_is_refused(builders, tmp_path):
    config = config_lib.TrainConfig(workdir=str(tmp_path / "run"))

    def start(builder):
        splits = splits_lib.load_splits(builder)
        fingerprint = inputs.Inputs(config, splits).fingerprint()
        begun = resume.start_run(config, fingerprint, rendezvous.meet(None))
        with contextlib.closing(begun.directory):
            pass

    one, other, again = builders
    start(one)
    start(again)
    with pytest.raises(
        ValueError, match="images, labels or splits of the data"
    ):
        start(other)


def test_key_that_patients_were_hashed_with_is_known(builders):
    one, other, again = (earlier.read_hash_key(b.data_dir) for b in builders)
    assert one == again != other and one and other


def test_report_lists_it_among_no_options(builders):
    folder = pathlib.Path(builders[0].data_dir) / "build_report"
    options = json.loads((folder / "facts.json").read_text())["options"]
    assert options == builders[0].builder_config.options()
    opened = tfds.builder_from_directory(builders[0].data_dir)
    assert len(opened.info.metadata["splits_fingerprint"]) == 64
