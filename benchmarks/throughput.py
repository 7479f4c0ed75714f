"""Images per second of input pipelines, ours and those users have today.

    python benchmarks/throughput.py --images_dir=DIR [--output_dir=DIR]

Every pair of recipe and pipeline runs in a process of its own, in turn, over
the training images of DIR (JPEG, 256x256). The first epoch of a process is not
counted; the median, minimum and maximum of the next are. Prints a table; with
--output_dir it also writes `throughput.json`, `throughput.md` and
`throughput.png`. Pipelines that are not installed (extra `bench`) are left out.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import competitors  # noqa: E402

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder with train/{class}/*.jpeg.", required=True
)
_RECIPES = flags.DEFINE_list(
    "recipes", list(competitors.RECIPES), "Which recipes."
)
_COMPETITORS = flags.DEFINE_list(
    "competitors", list(competitors.COMPETITORS), "Which pipelines."
)
_REPEATS = flags.DEFINE_integer(
    "repeats", 7, "Counted epochs of a process.", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 1, "Processes of each pair, in turn.", lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images in a batch.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.")
_MEASURE = flags.DEFINE_list(
    "measure", None, "Internal: measure this pair, recipe and pipeline."
)


def _measure(recipe, competitor):
    """Measures one pair in this process and prints the rates as JSON."""
    make = competitors.COMPETITORS[competitor]
    run_epoch = make(_IMAGES_DIR.value, recipe, _BATCH_SIZE.value)
    rates = []
    for _ in range(1 + _REPEATS.value):
        count = 0
        start = time.perf_counter()
        for _, labels in run_epoch():
            count += len(labels)
        rates.append(count / (time.perf_counter() - start))
    print(json.dumps(rates[1:]))


def _rates(recipe, competitor):
    """Measures one pair in a process of its own; `None` if not installed."""
    command = [sys.executable, __file__, f"--images_dir={_IMAGES_DIR.value}"]
    command += [f"--repeats={_REPEATS.value}"]
    command += [f"--batch_size={_BATCH_SIZE.value}"]
    command += [f"--measure={recipe},{competitor}"]
    with tempfile.TemporaryDirectory() as directory:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=os.environ | {"TMPDIR": directory},
        )
    if result.returncode == 0:
        return json.loads(result.stdout.splitlines()[-1])
    last = (result.stderr.strip().splitlines() or ["no output"])[-1]
    if "ModuleNotFoundError" in last:
        return None
    raise RuntimeError(f"{competitor}, {recipe}: {last}")


def _collect():
    """Returns recipe -> pipeline -> rates of all counted epochs."""
    rates: dict[str, dict[str, list[float]]] = {
        recipe: {name: [] for name in _COMPETITORS.value}
        for recipe in _RECIPES.value
    }
    for _ in range(_ROUNDS.value):
        for recipe, of_recipe in rates.items():
            for name in list(of_recipe):
                measured = _rates(recipe, name)
                if measured is None:
                    print(f"{name} is not installed: left out", flush=True)
                    del of_recipe[name]
                    continue
                of_recipe[name] += measured
                print(
                    f"{recipe:14} {name:44}"
                    f" {statistics.median(measured):8,.0f}",
                    flush=True,
                )
    return rates


def _table(rates):
    """Returns the results as a Markdown table, with ratios to ours."""
    lines = [
        "| recipe | pipeline | images/s, median (min to max) | ours is |",
        "|---|---|---|---|",
    ]
    for recipe, of_recipe in rates.items():
        ours = statistics.median(of_recipe.get("ours") or [float("nan")])
        for name, values in of_recipe.items():
            median = statistics.median(values)
            ratio = "" if name == "ours" else f"{ours / median:.2f}x"
            lines.append(
                f"| {recipe} | {name} | {median:,.0f} ({min(values):,.0f} to"
                f" {max(values):,.0f}) | {ratio} |"
            )
    return "\n".join(lines)


def _plot(rates, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, all_axes = pyplot.subplots(
        1, len(rates), figsize=(5 * len(rates), 3.2), layout="constrained"
    )
    axes_list = [all_axes] if len(rates) == 1 else list(all_axes)
    for index, (axes, (recipe, of_recipe)) in enumerate(
        zip(axes_list, rates.items())
    ):
        names = list(of_recipe)
        medians = [statistics.median(of_recipe[name]) for name in names]
        below = [m - min(of_recipe[n]) for n, m in zip(names, medians)]
        above = [max(of_recipe[n]) - m for n, m in zip(names, medians)]
        colors = ["C1" if name == "ours" else "C0" for name in names]
        axes.barh(names, medians, xerr=[below, above], color=colors)
        axes.invert_yaxis()
        axes.set_title(recipe)
        axes.set_xlabel("images per second (whiskers: min, max)")
        if index:
            axes.set_yticklabels([])
    figure.savefig(path, dpi=110)


def main(argv):
    del argv  # Unused.
    if _MEASURE.value:
        _measure(*_MEASURE.value)
        return
    rates = _collect()
    table = _table(rates)
    print(f"\n{table}")
    if _OUTPUT_DIR.value:
        directory = pathlib.Path(_OUTPUT_DIR.value)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "throughput.json").write_text(json.dumps(rates, indent=1))
        (directory / "throughput.md").write_text(table + "\n")
        _plot(rates, directory / "throughput.png")


if __name__ == "__main__":
    app.run(main)
