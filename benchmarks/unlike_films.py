"""What a recipe holds on normal films that look least like those it saw.

    python benchmarks/unlike_films.py --images_dir=DIR --workdir=OUT
        [--recipe=accurate] [--seeds=3] [--flags="--epochs=24"]

DIR is the training folder of the public data set, NORMAL and PNEUMONIA. Of its
normal films three groups are held out, a seventh each, with all films of their
patients: those that are blurred, those with light borders, and those whose 8x8
thumbnails a logistic regression takes for pneumonia. An eighth of the patients
with pneumonia is held out beside them. Each seed is trained on the others and
evaluated on these by the commands of README. What is in OUT already is not
trained anew: the same command resumes.
"""

import csv
import pathlib
import re
import shlex
import shutil
import statistics
import subprocess
import sys

from PIL import Image
from absl import app
from absl import flags
import numpy as np
from sklearn import linear_model
from sklearn import metrics
from sklearn import model_selection
from sklearn import pipeline
from sklearn import preprocessing

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of NORMAL and PNEUMONIA.", required=True
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where films and runs are kept.", required=True
)
_RECIPE = flags.DEFINE_string("recipe", "accurate", "One of recipes/.")
_FLAGS = flags.DEFINE_string("flags", "", "More flags of train.py.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Number of seeds.", lower_bound=1)

_ROOT = pathlib.Path(__file__).parents[1]

# Whose film it is, as the public set's names say it.
_PATIENT = re.compile(r"(?:NORMAL2-)?IM-\d+|person\d+_[a-z]+")

_HELD_OUT = 0.15  # of the normal films, by each measure
_SIZE = 224  # of the films that are measured, in pixels
_FRAME = 12  # width of the border, in pixels
_DARK = 10  # grey levels: nothing but air, or outside of the film

_BILINEAR = Image.Resampling.BILINEAR

_GROUPS = ("blurred", "light borders", "thumbnail")


def _read(path):
    with Image.open(path) as film:
        return film.convert("L").resize((_SIZE, _SIZE), _BILINEAR)


def _find_patient(name):
    match = _PATIENT.match(name)
    if match is None:
        raise app.UsageError(
            "--images_dir must hold films named as the public set's. "
            f"Received: {name}"
        )
    return match[0]


def _measure(film):
    """Returns how blurred a film is, how light its border, and a thumbnail."""
    grey = np.asarray(film, np.float32)
    z_score = Image.fromarray((grey - grey.mean()) / (grey.std() + 1e-6))
    coarse = z_score.reduce(_SIZE // 28).resize((_SIZE,) * 2, _BILINEAR)
    detail = np.asarray(z_score) - np.asarray(coarse)
    inner = np.zeros_like(grey, bool)
    inner[_FRAME:-_FRAME, _FRAME:-_FRAME] = True
    thumbnail = np.asarray(film.resize((8, 8), _BILINEAR), np.float32)
    return -detail.std(), -(grey[~inner] < _DARK).mean(), thumbnail.ravel()


def _likeness(thumbnails, is_normal, patients):
    """Returns how much each thumbnail looks like pneumonia, unseen."""
    classifier = pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(C=0.1, max_iter=2000),
    )
    classifier[-1].set_params(class_weight="balanced")
    return model_selection.cross_val_predict(
        classifier,
        thumbnails,
        ~is_normal,
        groups=patients,
        cv=model_selection.GroupKFold(5),
        method="decision_function",
    )


def _divide(root):
    """Copies films to `root/seen` and `root/unlike`; returns the groups.

    Returns:
        Dict from each of `_GROUPS` to the names of its films.
    """
    paths = sorted(
        path
        for name in ("NORMAL", "PNEUMONIA")
        for path in (pathlib.Path(_IMAGES_DIR.value) / name).iterdir()
    )
    patients = np.array([_find_patient(path.name) for path in paths])
    is_normal = np.array([path.parent.name == "NORMAL" for path in paths])
    blur, light, thumbnails = zip(*(_measure(_read(path)) for path in paths))
    likeness = _likeness(np.stack(thumbnails), is_normal, patients)
    groups = {}
    for group, measure in zip(_GROUPS, (blur, light, likeness)):
        least = np.quantile(np.array(measure)[is_normal], 1 - _HELD_OUT)
        groups[group] = is_normal & (np.array(measure) >= least)
    unlike = np.any(list(groups.values()), axis=0)
    # Other films of these patients are in neither folder.
    spared = np.isin(patients, patients[unlike])
    ill = np.random.RandomState(0).permutation(np.unique(patients[~is_normal]))
    unlike |= np.isin(patients, ill[: len(ill) // 8])
    for path, is_unlike, is_spared in zip(paths, unlike, spared):
        if is_unlike or not is_spared:
            place = root / ("unlike" if is_unlike else "seen")
            copy = place / path.parent.name / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return {
        name: {path.name for path, is_in in zip(paths, group) if is_in}
        for name, group in groups.items()
    }


def _run(program, *arguments):
    command = [sys.executable, str(_ROOT / program), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _train(root, seed):
    workdir = root / f"seed-{seed}"
    _run(
        "train.py",
        f"--flagfile={_ROOT / 'recipes' / _RECIPE.value}.flags",
        f"--images_dir={root / 'films' / 'seen'}",
        f"--data_dir={root / 'records'}",
        f"--workdir={workdir}",
        f"--seed={seed}",
        *shlex.split(_FLAGS.value),
    )
    return workdir


def _evaluate(root, name, workdirs, groups):
    """Returns AUC, specificity and sensitivity, and the AUC of each group."""
    output = root / f"evaluation-{name}"
    _run(
        "evaluate.py",
        f"--workdir={','.join(map(str, workdirs))}",
        f"--images_dir={root / 'films' / 'unlike'}",
        f"--output_dir={output}",
    )
    with open(output / "scores.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    scores = np.array([float(row["p(pneumonia)"]) for row in rows])
    is_ill = np.array([row["label"] == "pneumonia" for row in rows])
    names = [pathlib.PurePosixPath(row["key"]).name for row in rows]
    values = [
        metrics.roc_auc_score(is_ill, scores),
        np.mean(scores[~is_ill] < 0.5),
        np.mean(scores[is_ill] >= 0.5),
    ]
    for group in groups.values():
        asked = is_ill | [name in group for name in names]
        values.append(metrics.roc_auc_score(is_ill[asked], scores[asked]))
    return values


def _print_row(name, values):
    print(f"| {name} | " + " | ".join(values) + " |", flush=True)


def main(argv):
    del argv  # Unused.
    root = pathlib.Path(_WORKDIR.value)
    shutil.rmtree(root / "films", ignore_errors=True)
    groups = _divide(root / "films")
    columns = ("AUC", "specificity", "sensitivity", *groups)
    _print_row("seed", columns)
    print("|---" * (len(columns) + 1) + "|")
    workdirs, table = [], []
    for seed in range(_SEEDS.value):
        workdirs.append(_train(root, seed))
        table.append(_evaluate(root, seed, workdirs[-1:], groups))
        _print_row(seed, [f"{value:.4f}" for value in table[-1]])
    if len(table) > 1:
        summary = [
            f"{statistics.mean(column):.4f} ± {statistics.stdev(column):.4f}"
            for column in zip(*table)
        ]
        _print_row("mean ± standard deviation", summary)
        together = _evaluate(root, "ensemble", workdirs, groups)
        _print_row("ensemble", [f"{value:.4f}" for value in together])


if __name__ == "__main__":
    app.run(main)
