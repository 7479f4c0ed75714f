"""The synthetic sample: layout, names, determinism, what its pixels tell."""

import collections
import re

from PIL import Image
import numpy as np
import pytest
from scipy import stats
from sklearn import linear_model
from sklearn import metrics
from sklearn import pipeline
from sklearn import preprocessing

from xray_tfds import parallel
from xray_tfds import sample
from xray_tfds.curate import split_assignment
from xray_tfds.phantom import cohort

# The rule of the public data set, written down a second time: kinds of
# pneumonia, and series of normal films, number their patients separately.
_NAMES = {
    "normal": re.compile(r"((?:NORMAL2-)?IM-\d{4})-0001(?:-\d{4})?\.jpeg"),
    "pneumonia": re.compile(r"(person\d+_(?:bacteria|virus))_\d+\.jpeg"),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sample") / "films"
    sample.write_sample(directory, num_images=120, seed=0)
    return directory


def _contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def _images(directory, label="*", split="*"):
    paths = sorted(directory.glob(f"{split}/{label}/*.jpeg"))
    assert paths
    return [Image.open(path) for path in paths]


def _patients(directory):
    """Patient key -> the list of splits its films are in."""
    patients = collections.defaultdict(list)
    for path in directory.glob("*/*/*"):
        split, label, name = path.relative_to(directory).parts
        match = _NAMES[label].fullmatch(name)
        assert match, path
        patients[match[1]].append(split)
    return patients


def test_layout_is_split_then_class(directory):
    counts = {
        (split, label): len(list((directory / split / label).iterdir()))
        for split in ("train", "validation", "test")
        for label in ("normal", "pneumonia")
    }
    assert counts == {
        ("train", "normal"): 40,
        ("train", "pneumonia"): 40,
        ("validation", "normal"): 10,
        ("validation", "pneumonia"): 10,
        ("test", "normal"): 10,
        ("test", "pneumonia"): 10,
    }
    assert {path.name for path in directory.iterdir()} == {
        "train",
        "validation",
        "test",
        "README.txt",
    }


def test_readme_says_that_the_images_are_synthetic(directory):
    text = (directory / "README.txt").read_text()
    assert "SYNTHETIC" in text
    assert "medical" in text
    assert "seed: 0" in text


def test_names_give_patients_that_live_in_one_split(directory):
    patients = _patients(directory)
    assert all(len(set(splits)) == 1 for splits in patients.values())
    assert max(len(splits) for splits in patients.values()) >= 3
    kinds = {re.sub(r"\d+", "", key) for key in patients}
    assert kinds == {"IM-", "NORMAL-IM-", "person_bacteria", "person_virus"}


@pytest.mark.parametrize("num_images", [12, 13, 24, 600, 1001])
def test_plan_fills_every_split_and_class(num_images):
    films = cohort.plan(num_images, seed=7)
    assert len({film.path for film in films}) == len(films) == num_images
    counts = collections.Counter((film.split, film.label) for film in films)
    assert len(counts) == 6
    for split in split_assignment.SPLITS:
        normal, pneumonia = (counts[split, name] for name in cohort.CLASSES)
        assert 0 <= normal - pneumonia <= 1


def test_images_are_grey_jpegs_of_varied_size(directory):
    images = _images(directory)
    assert {(image.format, image.mode) for image in images} == {("JPEG", "L")}
    for image in images:
        image.load()
        assert 300 <= image.height < image.width <= 480
    assert len({image.size for image in images}) > 0.9 * len(images)


def test_container_does_not_tell_the_class(directory):
    normal, pneumonia = (
        _images(directory, label) for label in ("normal", "pneumonia")
    )
    tables = {str(image.quantization) for image in normal + pneumonia}
    assert len(tables) == 1
    for measure in (lambda x: x.height, lambda x: x.width / x.height):
        test = stats.ks_2samp(
            [measure(image) for image in normal],
            [measure(image) for image in pneumonia],
        )
        assert test.pvalue > 0.05


def test_heart_is_on_the_right_of_the_film(directory):
    # The patient faces the reader, so that left is right.
    films = [
        np.asarray(image.resize((100, 100)), np.float32)
        for image in _images(directory, "normal")
    ]
    rows = np.mean(films, axis=0)[50:62]
    assert rows[:, 56:68].mean() > rows[:, 32:44].mean() + 20


def test_same_seed_gives_the_same_bytes_on_any_number_of_cores(
    tmp_path, monkeypatch
):
    sample.write_sample(tmp_path / "many", num_images=12, seed=3)
    monkeypatch.setattr(parallel, "num_cores", lambda: 1)
    sample.write_sample(tmp_path / "one", num_images=12, seed=3)
    assert _contents(tmp_path / "many") == _contents(tmp_path / "one")


def test_every_film_and_every_seed_draws_another_image():
    films = cohort.plan(12)
    images = [
        cohort.draw(film, seed).tobytes() for film in films for seed in (0, 1)
    ]
    assert len(set(images)) == len(images)


def test_films_of_one_patient_differ(directory):
    by_patient = collections.defaultdict(set)
    for path, content in _contents(directory).items():
        if match := re.fullmatch(r"(.*IM-\d+-0001)-\d+\.jpeg", path):
            by_patient[match[1]].add(content)
    assert by_patient
    assert all(len(contents) > 1 for contents in by_patient.values())


def test_complete_sample_is_left_alone(tmp_path):
    directory = tmp_path / "films"
    _, written = sample.write_sample(directory, num_images=12)
    assert written
    times = [path.stat().st_mtime_ns for path in directory.rglob("*")]
    films, written = sample.write_sample(directory, num_images=12)
    assert not written
    assert len(films) == 12
    assert times == [path.stat().st_mtime_ns for path in directory.rglob("*")]


@pytest.mark.parametrize(
    "spoil, options",
    [
        pytest.param(lambda path: None, {"seed": 1}, id="other seed"),
        pytest.param(lambda path: None, {"num_images": 13}, id="other number"),
        pytest.param(
            lambda path: next(path.glob("train/normal/*")).unlink(),
            {},
            id="image missing",
        ),
        pytest.param(
            lambda path: (path / "README.txt").unlink(), {}, id="no readme"
        ),
    ],
)
def test_other_contents_are_refused_and_kept(tmp_path, spoil, options):
    directory = tmp_path / "films"
    sample.write_sample(directory, num_images=12)
    spoil(directory)
    contents = _contents(directory)
    with pytest.raises(FileExistsError, match="is not empty"):
        sample.write_sample(directory, **{"num_images": 12, **options})
    assert _contents(directory) == contents


def test_file_in_the_place_of_the_directory_is_refused(tmp_path):
    path = tmp_path / "films"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="not a directory"):
        sample.write_sample(path, num_images=12)
    assert path.read_text() == "mine"


def test_empty_directory_is_filled(tmp_path):
    directory = tmp_path / "films"
    directory.mkdir()
    sample.write_sample(directory, num_images=12)
    assert len(_images(directory)) == 12


def test_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    draw = cohort.draw
    calls = []

    def interrupted(film, seed):
        calls.append(film)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return draw(film, seed)

    monkeypatch.setattr(cohort, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sample.write_sample(tmp_path / "films", num_images=12)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options, message",
    [
        pytest.param({"num_images": 11}, "num_images=11", id="too few"),
        pytest.param({"num_images": 12, "seed": -1}, "seed=-1", id="seed"),
    ],
)
def test_bad_arguments_write_nothing(tmp_path, options, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        sample.write_sample(tmp_path / "films", **options)
    assert not list(tmp_path.iterdir())


def test_command_line_prints_what_it_wrote(tmp_path, capsys):
    arguments = [str(tmp_path / "films"), "--num_images=12", "--seed=5"]
    assert sample.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"was written to {tmp_path / 'films'}" in lines[0]
    assert lines[2].split()[:3] == ["train", "normal", "4"]
    assert len(lines) == 8

    assert sample.main(arguments) == 0
    assert "already complete" in capsys.readouterr().out
    assert sample.main([*arguments[:2], "--seed=6"]) == 1
    assert "is not empty" in capsys.readouterr().err


def _auc(directory, features):
    """AUC of logistic regression, learned on train, on the other splits."""
    data = {"train": ([], []), "held out": ([], [])}
    for split in split_assignment.SPLITS:
        inputs, labels = data["train" if split == "train" else "held out"]
        for index, name in enumerate(cohort.CLASSES):
            for image in _images(directory, name, split):
                inputs.append(features(image))
                labels.append(index)
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(C=0.01, max_iter=5000),
    )
    model.fit(*data["train"])
    inputs, labels = data["held out"]
    return metrics.roc_auc_score(labels, model.decision_function(inputs))


def _thumbnail(image):
    resized = image.resize((8, 8), Image.Resampling.BOX)
    return np.asarray(resized, np.float32).ravel()


def _histogram(image):
    return np.histogram(np.asarray(image), 32, (0, 256))[0] / image.width


def _local_contrast(image):
    """Strongest difference across 6 pixels in each of 16x16 blocks."""
    grey = np.asarray(image.resize((256, 256)).reduce(2), np.float32)
    steps = np.abs(grey[:, 3:] - grey[:, :-3])[:, :112]
    return steps.reshape(16, 8, 16, 7).max(axis=(1, 3)).ravel()


def test_class_shows_in_texture_rather_than_in_brightness(directory):
    assert _auc(directory, _thumbnail) < 0.85
    assert _auc(directory, _histogram) < 0.85
    assert _auc(directory, _local_contrast) > 0.85
