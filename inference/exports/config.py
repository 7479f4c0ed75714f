"""What is exported, and where to."""

import dataclasses
from typing import Literal

from inference import config as config_lib
from pipeline import checks
from pipeline import options

EXPORT = options.Group("Export", scope="process")


@options.documented
@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What `export.py` does."""

    workdir: tuple[str, ...] | None = EXPORT.option(
        None,
        "Directory of a run; several, comma-separated, become one model, the "
        "mean of their probabilities. If left out, the run under runs/ that "
        "was trained last.",
        check=checks.optional(config_lib.check_workdir),
    )
    format: Literal["savedmodel", "keras", "onnx", "litert"] = EXPORT.option(
        "savedmodel",
        "savedmodel: films to decisions, for TensorFlow. keras: the network. "
        "onnx, litert: the network, for machines without TensorFlow.",
    )
    model: Literal["best", "last"] = EXPORT.option(
        "best", "Weights after the best epoch, or after the last."
    )
    data_dir: str | None = EXPORT.option(
        None,
        "Where the records of the run are now, if they were moved: an export "
        "is tried on their validation split.",
        kind="path",
    )

    def __post_init__(self) -> None:
        options.check_fields(self)
