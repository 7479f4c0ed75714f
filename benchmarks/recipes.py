"""What a recipe reaches on validation, over several seeds.

    python benchmarks/recipes.py --images_dir=DIR --workdir=OUT
        [--recipe=accurate] [--seeds=5]

Trains each seed in turn, evaluates it on its validation split, whose patients
training has not seen, and then all together as one ensemble. Prints a row for
each, and mean and standard deviation over the seeds. What is in OUT already is
not trained or evaluated anew: the same command resumes.
"""

import json
import pathlib
import shutil
import statistics
import subprocess
import sys

from absl import app
from absl import flags

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of class folders.", required=True
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where runs and records are kept.", required=True
)
_RECIPE = flags.DEFINE_string("recipe", "accurate", "One of recipes/.")
_SEEDS = flags.DEFINE_integer("seeds", 5, "Number of seeds.", lower_bound=2)

_ROOT = pathlib.Path(__file__).parents[1]
_FIGURES = ("auc", "sensitivity", "specificity", "calibration_error")
_COLUMNS = (*_FIGURES, "robust AUC, mean", "robust AUC, worst")


def _run(program, *arguments):
    command = [sys.executable, str(_ROOT / program), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _train(seed):
    workdir = pathlib.Path(_WORKDIR.value) / f"seed-{seed}"
    _run(
        "train.py",
        f"--flagfile={_ROOT / 'recipes' / _RECIPE.value}.flags",
        f"--images_dir={_IMAGES_DIR.value}",
        f"--data_dir={pathlib.Path(_WORKDIR.value) / 'records'}",
        f"--workdir={workdir}",
        f"--seed={seed}",
    )
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    seconds = sum(json.loads(line)["seconds"] for line in lines)
    return workdir, seconds


def _evaluate(name, workdirs):
    """Returns the values of `_COLUMNS`."""
    output = pathlib.Path(_WORKDIR.value) / f"evaluation-{name}"
    if not (output / "metrics.json").exists():
        # A kill may have left a part of one, which is never written over.
        shutil.rmtree(output, ignore_errors=True)
        named = ",".join(map(str, workdirs))
        _run("evaluate.py", f"--workdir={named}", f"--output_dir={output}")
    results = json.loads((output / "metrics.json").read_text())
    values = {each["name"]: each["value"] for each in results["figures"]}
    # The first is the film as it is.
    rows = results["robustness"]["rows"][1:]
    aucs = [row["auc"]["value"] for row in rows]
    return [
        *(values[figure] for figure in _FIGURES),
        statistics.mean(aucs),
        min(aucs),
    ]


def _print_row(name, values, seconds=""):
    print(f"| {name} | " + " | ".join(values) + f" | {seconds} |", flush=True)


def main(argv):
    del argv  # Unused.
    _print_row("seed", _COLUMNS, "seconds")
    print("|---" * (len(_COLUMNS) + 2) + "|")
    workdirs, table = [], []
    for seed in range(_SEEDS.value):
        workdir, seconds = _train(seed)
        workdirs.append(workdir)
        table.append(_evaluate(seed, [workdir]))
        _print_row(seed, [f"{v:.4f}" for v in table[-1]], f"{seconds:.0f}")
    summary = [
        f"{statistics.mean(column):.4f} ± {statistics.stdev(column):.4f}"
        for column in zip(*table)
    ]
    _print_row("mean ± standard deviation", summary)
    ensemble = _evaluate(f"ensemble-of-{len(workdirs)}", workdirs)
    _print_row("ensemble", [f"{v:.4f}" for v in ensemble])


if __name__ == "__main__":
    app.run(main)
