"""A run is opened as it was trained, or a sentence says why it cannot be."""

import functools
import json
import shutil
import zipfile

import keras
import numpy as np
import pytest

from inference import model_files
from inference import runs
import pipeline
from tests.helpers import damaged_files
from tests.helpers import keras_files
from training.config import flags as flags_lib
from training.model import lesson


def edit_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_run_knows_what_it_is(run, trained):
    root, _ = trained
    assert run.network == "lesson"
    assert run.class_names == ("normal", "pneumonia")
    assert run.image_shape == (64, 64, 1)
    assert (run.color_mode, run.interpolation) == ("grayscale", "bilinear")
    assert run.augment == pipeline.AugmentConfig(rescale=1 / 255)
    assert run.settings["vertical_flip"] is True
    assert run.flags["images_dir"] == str(root / "films")
    assert run.flags["featurewise_center"] == "false"
    assert [record["epoch"] for record in run.epochs] == [1, 2]
    values = [record["val_auc"] for record in run.epochs]
    assert run.epoch == int(np.argmax(values)) + 1
    assert len(run.sha256) == 64
    saved = keras.models.load_model(root / "run/best.keras", safe_mode=True)
    assert run.num_parameters == saved.count_params()
    for ours, theirs in zip(run.model.get_weights(), saved.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


def test_best_and_last_are_two_models(workdir):
    # Of other weights, whatever training came to.
    model = keras.models.load_model(workdir / "model.keras")
    model.set_weights([w + 1 for w in model.get_weights()])
    model.save(workdir / "model.keras")
    best, last = (runs.open_run(workdir, weights=w) for w in ("best", "last"))
    assert best.sha256 != last.sha256 and last.epoch == 2
    assert not np.array_equal(
        best.model.get_weights()[0], last.model.get_weights()[0]
    )


def test_epoch_after_a_kill_is_that_of_the_model_itself(workdir):
    known = runs.open_run(workdir).epoch
    path = workdir / "metrics.jsonl"
    lines = path.read_text().splitlines()
    path.write_text(next(x for x in lines if f'"epoch": {known},' not in x))
    assert runs.open_run(workdir).epoch == known
    edit_json(workdir / "model.json", lambda info: info.update(epochs=1))
    assert runs.open_run(workdir, weights="last").epoch == 2


def test_epoch_of_a_model_of_an_earlier_version_is_found(workdir):
    known = runs.open_run(workdir).epoch
    with zipfile.ZipFile(workdir / "best.keras", "a") as archive:
        archive.comment = b""
    assert runs.open_run(workdir).epoch == known


def test_opening_writes_nothing(workdir):
    before = {p: p.stat().st_mtime_ns for p in workdir.rglob("*")}
    runs.open_run(workdir)
    assert {p: p.stat().st_mtime_ns for p in workdir.rglob("*")} == before


def test_model_that_changes_meanwhile_is_not_taken(workdir, monkeypatch):
    load_model = model_files.load_model

    def train_on(path, *args, **options):
        model = load_model(path, *args, **options)
        # As training does it with a better one.
        shutil.copy(path, path.with_name("next"))
        with zipfile.ZipFile(path.with_name("next"), "a") as archive:
            archive.comment = b"another"
        path.with_name("next").replace(path)
        return model

    monkeypatch.setattr(model_files, "load_model", train_on)
    with pytest.raises(ValueError, match="best.keras has changed.*trained"):
        runs.open_run(workdir)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-500])


def _edit(change, path):
    """Changes values in a file of JSON, or in the first of its lines."""
    text = path.read_text()
    first = text.partition("\n")[0] if path.suffix == ".jsonl" else text
    path.write_text(text.replace(first, json.dumps(json.loads(first) | change)))


def _name_one_class(path):
    info = json.loads(path.read_text())
    path.write_text(json.dumps({**info, "class_names": "ab"}))


@pytest.mark.parametrize(
    "name, damage, message",
    [
        ("best.keras", _cut, "best.keras.*damaged.*--model=last"),
        (
            "best.keras",
            damaged_files.flip_bit,
            "best.keras (is damaged|cannot be loaded)",
        ),
        ("best.keras", lambda p: p.write_bytes(b""), "damaged.*0 bytes"),
        ("best.keras", lambda p: p.unlink(), "no best.keras.*--model=last"),
        ("model.json", lambda p: p.unlink(), "no model.json.*has not ended"),
        ("model.json", lambda p: p.write_text("[]"), "model.json is damaged"),
        ("model.json", lambda p: p.write_text("{"), "model.json is damaged"),
        ("model.json", _name_one_class, "damaged.*class_names are no list"),
        *(
            (name, functools.partial(_edit, change), f"{name} is dam.*{key}")
            for name, change, key in (
                ("model.json", {"image_size": ["64", "64"]}, "image_size"),
                ("model.json", {"image_size": [64]}, "image_size"),
                ("model.json", {"channels": "1"}, "channels"),
                ("model.json", {"epochs": "x"}, "epochs"),
                ("model.json", {"model": None}, "model"),
                ("metrics.jsonl", {"epoch": "x"}, "epoch"),
                ("metrics.jsonl", {"val_auc": "x"}, "val_auc"),
                ("run.json", {"settings": {"monitor": []}}, "settings.monitor"),
                (
                    "run.json",
                    {"settings": {"mixed_precision": []}},
                    "mixed_precision",
                ),
            )
        ),
        ("run.json", lambda p: p.unlink(), "holds no run.json"),
        ("run.json", lambda p: p.write_text("{"), "run.json is damaged"),
        ("metrics.jsonl", lambda p: p.write_text("{"), "metrics.jsonl is dam"),
    ],
)
def test_damage_is_named(name, damage, message, workdir):
    damage(workdir / name)
    with pytest.raises(ValueError, match=message):
        runs.open_run(workdir)


@pytest.mark.parametrize("name", ["model.json", "metrics.jsonl"])
def test_what_the_system_refuses_is_not_called_damage(name, workdir):
    (workdir / name).unlink()
    (workdir / name).mkdir()
    with pytest.raises(OSError, match=name) as info:
        runs.open_run(workdir)
    assert "damaged" not in str(info.value)


def test_run_that_has_no_model_yet_is_to_be_resumed(workdir):
    for name in ("best.keras", "model.keras"):
        (workdir / name).unlink()
    with pytest.raises(ValueError, match="first validated epoch.*resumes it"):
        runs.open_run(workdir)
    with pytest.raises(ValueError, match="has not ended.*resumes it"):
        runs.open_run(workdir, weights="last")


def test_directory_without_a_run_is_refused(workdir):
    with pytest.raises(ValueError, match="no such directory.*workdir=.*nope"):
        runs.open_run(workdir / "nope")
    with pytest.raises(ValueError, match=f"Did you mean {workdir}"):
        runs.open_run(workdir.parent)
    with pytest.raises(ValueError, match="model=newest"):
        runs.open_run(workdir, weights="newest")


def test_model_with_other_outputs_is_refused(workdir):
    lesson.build((64, 64, 1), 3).save(workdir / "best.keras")
    with pytest.raises(ValueError, match="best.keras has 3 outputs.*2 classes"):
        runs.open_run(workdir)


def test_model_of_another_image_size_is_refused(workdir):
    lesson.build((192, 192, 1), 2).save(workdir / "best.keras")
    with pytest.raises(ValueError, match="best.keras cannot be loaded"):
        runs.open_run(workdir)


def test_layer_with_code_is_refused_and_not_run(workdir, tmp_path):
    """A Lambda, or a class of a module that a file names, is no layer of ours.

    Keras's own `safe_mode` has let such code run more than once.
    """
    ran = tmp_path / "ran"
    keras_files.insert_code(workdir / "best.keras", ran)
    with pytest.raises(
        ValueError, match="other layers than the network lesson"
    ):
        runs.open_run(workdir)
    assert not ran.exists()


def test_function_of_the_user_cannot_be_rebuilt(workdir):
    edit_json(
        workdir / "model.json",
        lambda info: info["preprocessing"].update(
            preprocessing_function="equalise"
        ),
    )
    with pytest.raises(ValueError, match="preprocessing_function=equalise"):
        runs.open_run(workdir)


def test_option_of_a_later_version_is_refused(workdir):
    edit_json(
        workdir / "model.json",
        lambda info: info["preprocessing"].update(clahe=True),
    )
    with pytest.raises(ValueError, match="model.json.*another version.*clahe"):
        runs.open_run(workdir)


def test_missing_statistics_are_named(workdir):
    edit_json(
        workdir / "model.json",
        lambda info: info.update(statistics="statistics.npz"),
    )
    with pytest.raises(ValueError, match="no statistics.npz"):
        runs.open_run(workdir)
    (workdir / "statistics.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="statistics.npz is damaged"):
        runs.open_run(workdir)


def test_copied_run_is_the_same_run(run, workdir, tmp_path):
    moved = shutil.move(workdir, tmp_path / "moved")
    assert runs.open_run(moved).sha256 == run.sha256


def test_flags_are_read_from_the_text_of_a_flag_file():
    text = "# Data\n\n--images_dir=/a b/c=d\n--nosamplewise_center\n--unknown\n"
    text += '--vertical_flip\n--class_weight={"normal": 2}\n--normal=1\n'
    assert flags_lib.parse_flagfile(text) == {
        "images_dir": "/a b/c=d",
        "samplewise_center": "false",
        "vertical_flip": "true",
        "class_weight": '{"normal": 2}',
    }
