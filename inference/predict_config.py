"""What is predicted, and how."""

import dataclasses
import pathlib
from typing import Literal

from inference import model_option
from pipeline import options

MODEL = options.Group("By which model", scope="process")
OUTPUT = options.Group("Output", scope="process")

Format = Literal["csv", "jsonl"]

# Suffix of a file -> what is written to it, unless `format` says otherwise.
_FORMATS: dict[str, Format] = {
    **{".csv": "csv"},
    **{".json": "jsonl", ".jsonl": "jsonl", ".ndjson": "jsonl"},
}


@options.documented
@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """What `predict.py` does with the files that it is given."""

    workdir: str | None = MODEL.option(
        None,
        "Directory of a run. If left out, the run under runs/ that was trained "
        "last.",
        kind="path",
    )
    model: str = MODEL.option(
        "best", model_option.HELP, check=model_option.check
    )
    data_dir: str | None = MODEL.option(
        None, model_option.DATA_DIR_HELP, kind="path"
    )
    input_check: Literal["flag", "fail", "off"] = MODEL.option(
        "flag",
        "What becomes of a picture that is unlike the films that the model "
        "knows: its row says so, or it is not scored, or nobody looks.",
    )
    output: str | None = OUTPUT.option(
        None,
        "File for the rows, which is there once all are in it; standard output "
        "if left out.",
        kind="path",
    )
    format: Format | None = OUTPUT.option(
        None,
        "A table or an object of JSON in each line; by the suffix of --output "
        "(.csv, .jsonl) if left out, else csv.",
    )
    explain_dir: str | None = OUTPUT.option(
        None,
        "Directory for a picture of each film, with what speaks for the "
        "decision laid over it.",
        kind="path",
    )

    def __post_init__(self) -> None:
        options.check_fields(self)
        model_option.check_run(self.model, self.workdir, self.data_dir)
        if self.output is None:
            return
        path = pathlib.Path(self.output)
        if not path.absolute().parent.is_dir() or (
            # A device or a pipe would be replaced by a file of that name.
            path.exists()
            and not path.is_file()
        ):
            raise ValueError(
                "`output` must be a file in an existing directory; leave out "
                "--output for rows on standard output. Received: "
                f"output={self.output}"
            )
        if self.format is None and path.suffix.lower() not in _FORMATS:
            raise ValueError(
                f"`output` must end in one of {', '.join(_FORMATS)}, or "
                "--format say what is written: add --format=csv or "
                "--format=jsonl. "
                f"Received: output={self.output}"
            )

    def output_format(self) -> Format:
        """Returns what rows are written as."""
        if self.format is not None:
            return self.format
        suffix = pathlib.Path(self.output or "").suffix.lower()
        return _FORMATS.get(suffix, "csv")
