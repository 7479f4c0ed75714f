"""What is evaluated, and how."""

import dataclasses
import os
from typing import Any
from typing import Literal

from disk import paths
from evaluation import thresholds
from inference import model_option
from pipeline import checks
from pipeline import options

RUN = options.Group("What is evaluated", scope="process")
FIGURES = options.Group("How", scope="process")
OUTPUT = options.Group("Output", scope="process")


def _check_path(name: str, value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ValueError(f"`{name}` must be a path. Received: {name}={value}")
    return str(os.path.expanduser(os.fspath(value)))


def check_workdir(name: str, value: Any) -> tuple[str, ...]:
    """Returns the directories of an option; see `pipeline.options`."""
    values = (value,) if isinstance(value, (str, os.PathLike)) else (*value,)
    if not values or "" in values:
        raise ValueError(
            f"`{name}` must be the directory of a run, or several, "
            f"comma-separated. Received: {name}={','.join(map(str, values))}"
        )
    return tuple(_check_path(name, each) for each in values)


def _check_threshold(name: str, value: Any) -> str:
    thresholds.parse(str(value))
    return str(value)


def _check_prevalence(name: str, value: Any) -> float:
    if not 0 < checks.number(name, value) < 1:
        raise ValueError(
            f"`{name}` must be a share between 0 and 1, such as 0.05. "
            f"Received: {name}={value}"
        )
    return float(value)


@options.documented
@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """What `evaluate.py` does."""

    workdir: tuple[str, ...] | None = RUN.option(
        None,
        "Directory of a run; several, comma-separated, are evaluated as one "
        "model, the mean of their probabilities. If left out, the run under "
        "runs/ that was trained last.",
        check=checks.optional(check_workdir),
    )
    model: str = RUN.option(
        "best",
        "Weights after the best epoch, or after the last (best, last); or an "
        "export of the run, which is asked in the place of its network. "
        "TensorFlow is loaded all the same: it reads the records.",
        check=model_option.check,
    )
    split: Literal["validation", "test"] = RUN.option(
        "validation", "Which split of the run's records; test needs --final."
    )
    final: bool = RUN.option(
        False,
        "Opens the test split, which is noted in a ledger: nothing may be "
        "chosen by what it says.",
    )
    images_dir: str | None = RUN.option(
        None,
        "Instead of a split: a labelled folder that the run has never seen, "
        "prepared as the run's own images were.",
        kind="path",
        check=checks.optional(_check_path),
    )
    data_dir: str | None = RUN.option(
        None,
        "Where the run's records are now, if they were moved: their own "
        "directory, or the one that --data_dir of train.py named.",
        kind="path",
        check=checks.optional(_check_path),
    )
    threshold: str | None = FIGURES.option(
        None,
        "Probability from which the second of two classes is decided for: "
        "0.5 or another number, youden, sensitivity>=0.95 or specificity>=0.9. "
        "It is chosen on validation, whatever is evaluated. If left out, by "
        "the rule that the run keeps from an earlier evaluation, else 0.5; of "
        "an export, the one that it decides by.",
        check=checks.optional(_check_threshold),
    )
    calibrate: Literal["none", "temperature"] | None = FIGURES.option(
        None,
        "How probabilities are calibrated, fitted on validation. If left out, "
        "as the run, or the export, keeps it, else none.",
    )
    prevalence: float | None = FIGURES.option(
        None,
        "Share of the second class where the model is to be used: predictive "
        "values are also given for it.",
        check=checks.optional(_check_prevalence),
    )
    compare: str | None = FIGURES.option(
        None,
        "Directory of another run, scored on the same examples.",
        kind="path",
        check=checks.optional(_check_path),
    )
    slices: str | None = FIGURES.option(
        None,
        "CSV with a column filename; each further column divides the "
        "examples, and each part gets figures of its own.",
        kind="path",
        check=checks.optional(_check_path),
    )
    output_dir: str | None = OUTPUT.option(
        None,
        "Where the report goes; evaluation/NAME-DATE in the (first) run's "
        "directory if left out.",
        kind="path",
        check=checks.optional(_check_path),
    )

    def __post_init__(self) -> None:
        options.check_fields(self)
        if self.split == "test" and not self.final:
            raise ValueError(
                "The test split is opened once, when nothing is left to be "
                "chosen: whoever looks at it and then changes anything has no "
                "test split any more. Each opening is noted in a ledger, "
                "which every report cites. Add --final if this is that "
                "moment; else leave out --split=test."
            )
        if self.final and self.split != "test" and self.images_dir is None:
            raise ValueError(
                "`final` opens the test split, or a folder that holds films of "
                "it, and the split validation is neither. Add --split=test, or "
                f"leave out --final. Received: final={self.final}, "
                f"split={self.split}"
            )
        if self.images_dir is not None and self.split == "test":
            raise ValueError(
                "`images_dir` stands instead of a split. Leave out either "
                f"--split or --images_dir. Received: split={self.split}, "
                f"images_dir={self.images_dir}"
            )
        for name in ("images_dir", "data_dir", "compare"):
            value = getattr(self, name)
            if value is None or os.path.isdir(value):
                continue
            # Of a folder in a bucket, its listing will tell.
            if name != "images_dir" or paths.is_local(value):
                raise ValueError(
                    f"`{name}` must be an existing directory. Received: "
                    f"{name}={value}"
                )
        if self.slices is not None and not os.path.isfile(self.slices):
            raise ValueError(
                "`slices` must be an existing file. Received: "
                f"slices={self.slices}"
            )
