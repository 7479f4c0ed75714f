"""`predict.py`: files in, rows out, and a status that says how it went."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import io
import sys
from typing import BinaryIO

import tqdm.auto

from console import streams
from inference import inputs as inputs_lib
from inference import model_option
from inference import overlay_files
from inference import predict_config
from inference import prediction
from inference import prediction_rows
from inference import predictor as predictor_lib
from training import errors
from training.workdir import atomic
from xray_tfds.decode import errors as decode_errors
from xray_tfds.decode import images
from xray_tfds.source import files as files_lib


class OutputLostError(errors.TrainingError):
    """Nobody reads the rows any more, or there is no room for them."""

    status = errors.OUTPUT_LOST_STATUS


def predict(
    config: predict_config.PredictConfig, arguments: Sequence[str]
) -> int:
    """Scores files and writes their rows.

    Args:
        config: By which model, and where to.
        arguments: As for `inputs.expand`.

    Returns:
        The exit status: 0, or one of those for inputs that were not scored.

    Raises:
        ValueError: If the model cannot be opened, rows not be written, or
            pictures, or rows, would be written where films are.
        OutputLostError: If standard output is closed.
    """
    if config.explain_dir is not None:
        overlay_files.check_apart(config.explain_dir, arguments)
    if config.output is not None:
        _check_no_film(config.output)
    predictor = _open(config)
    checking = _open_checking(config, predictor)
    overlays = _open_overlays(config, predictor)
    writer = prediction_rows.Writer(
        config.output_format(),
        predictor.class_names,
        with_overlay=overlays is not None,
    )
    tally = _Tally()
    # Python has no standard input where the process was given none.
    stdin = sys.stdin.buffer if sys.stdin else io.BytesIO()
    inputs = inputs_lib.expand(arguments, stdin)
    if config.explain_dir is not None:
        inputs = overlay_files.mark(inputs, config.explain_dir)
    with _open_output(config) as file, _progress(config) as bar:
        _write(file, writer.header())
        for scored in prediction.predict(predictor, inputs, checking):
            rows = [each.row for each in scored]
            if overlays is not None:
                rows = overlays.draw(scored, tally.num_inputs)
            tally.add(rows)
            _write(file, b"".join(map(writer.write, rows)))
            bar.update(len(rows))
    return tally.report()


def _check_no_film(output: str) -> None:
    """Raises ValueError if rows would take the place of a film."""
    try:
        head, _ = files_lib.read_head(files_lib.to_path(output))
    except decode_errors.BadFile:
        return  # Not there yet; or nobody reads it, and writing will say so.
    if images.sniff_format(head) is not None:
        raise ValueError(
            "`output` must not be an image, in whose place the rows would be. "
            f"Add --output=FILE with another. Received: output={output}"
        )


def _open(config: predict_config.PredictConfig) -> predictor_lib.Predictor:
    predictor = model_option.open_predictor(
        config.model, config.workdir, config.data_dir
    )
    if config.workdir is None and not model_option.is_export(config.model):
        _say(f"The run that was trained last: {predictor.name}")
    _say(predictor.advice)
    return predictor


def _open_checking(
    config: predict_config.PredictConfig, predictor: predictor_lib.Predictor
) -> prediction.Checking:
    """Returns how inputs are checked; without a reference where it must."""
    if config.input_check == "off":
        return prediction.Checking(is_on=False)
    refuses = config.input_check == "fail"
    try:
        if predictor.open_reference is None:
            raise ValueError(f"{predictor.name} does not say it.")
        reference = predictor.open_reference()
    except ValueError as error:
        reason = f"What films look like is not known: {error}"
        if refuses:
            raise ValueError(
                f"{reason} So --input_check=fail cannot be kept: leave it out, "
                "for the checks that need no records."
            ) from error
        _say(f"{reason} Inputs are checked for the rest.")
        reference = None
    return prediction.Checking(refuses=refuses, reference=reference)


def _open_overlays(
    config: predict_config.PredictConfig, predictor: predictor_lib.Predictor
) -> overlay_files.OverlayFiles | None:
    if config.explain_dir is None:
        return None
    return overlay_files.OverlayFiles(predictor, config.explain_dir)


@contextlib.contextmanager
def _open_output(
    config: predict_config.PredictConfig,
) -> Iterator[BinaryIO]:
    """Opens what rows are written to; a file is there once all are in it."""
    if config.output is None:
        if streams.in_notebook():
            raise ValueError(
                "`output` must be given in a notebook, whose standard output "
                "takes no files: --output=FILE. Received: output=None"
            )
        yield sys.stdout.buffer
        return
    try:
        with atomic.replacing(config.output) as temporary:
            with open(temporary, "wb") as file:
                yield file
    except OSError as error:
        raise ValueError(
            f"`output` cannot be written: {error.strerror or error}. "
            f"Received: output={config.output}"
        ) from error
    _say(f"Rows: {config.output}")


def _write(file: BinaryIO, data: bytes) -> None:
    """Writes rows that a reader has at once."""
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        if file is not getattr(sys.stdout, "buffer", None):  # A notebook's.
            raise
        # Whoever has closed it wants no more, and hears no complaint.
        reason = "" if isinstance(error, BrokenPipeError) else str(error)
        raise OutputLostError(
            reason and f"Standard output could not be written to: {reason}."
        ) from error


def _progress(config: predict_config.PredictConfig) -> "tqdm.auto.tqdm[None]":
    """Returns a progress bar: on a terminal that shows no rows."""
    is_apart = config.output is not None or not sys.stdout.isatty()
    return tqdm.auto.tqdm(
        desc="Scoring",
        unit=" files",
        leave=False,
        disable=not (is_apart and streams.is_live(sys.stderr)),
    )


@dataclasses.dataclass
class _Tally:
    """What became of the inputs so far."""

    num_inputs: int = 0
    num_scored: int = 0
    first: prediction_rows.Row | None = None

    def add(self, rows: Sequence[prediction_rows.Row]) -> None:
        bad = [row for row in rows if row.error]
        self.num_inputs += len(rows)
        self.num_scored += len(rows) - len(bad)
        self.first = self.first or next(iter(bad), None)

    def report(self) -> int:
        """Says what was not scored; returns the exit status."""
        if not self.num_inputs:
            _say("There were no inputs.")
        elif self.first is not None:
            _say(
                f"{self.num_inputs - self.num_scored} of {self.num_inputs} "
                f"inputs could not be scored, first {self.first.path}: "
                f"{self.first.error}"
            )
        if not self.num_scored:
            return errors.NONE_SCORED_STATUS
        return 0 if self.first is None else errors.SOME_NOT_SCORED_STATUS


def _say(text: str) -> None:
    """Says what is no row on standard error."""
    if text:
        print(text, file=sys.stderr, flush=True)
