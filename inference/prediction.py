"""Files -> a row for each: decoded on all cores, scored in batches, in order.

Rows leave as soon as a batch is full, so that memory does not grow with the
number of files.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import functools
from typing import NamedTuple

import numpy as np
import threadpoolctl

from inference import input_check
from inference import inputs as inputs_lib
from inference import prediction_rows
from inference import predictor as predictor_lib
from inference import reference as reference_lib
from xray_tfds import parallel
from xray_tfds.decode import limits
from xray_tfds.source import files as files_lib

# Batches of rows that may wait for a batch of images: bad files have rows, too.
_MOST_WAITING = 4

# Batches that are decoded while the network is busy.
_BATCHES_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class Checking:
    """How inputs are checked.

    Attributes:
        is_on: Whether they are at all.
        refuses: Whether what is flagged is an error, and not scored.
        reference: What films look like; None if that is not known.
    """

    is_on: bool = True
    refuses: bool = False
    reference: reference_lib.Reference | None = None


class _Loaded(NamedTuple):
    path: str
    pixels: predictor_lib.Pixels | None = None
    flags: tuple[str, ...] = ()
    error: str = ""


class Scored(NamedTuple):
    """A row, with the pixels that were scored; None if none were."""

    row: prediction_rows.Row
    pixels: predictor_lib.Pixels | None


def predict(
    predictor: predictor_lib.Predictor,
    inputs: Iterable[inputs_lib.Input],
    checking: Checking = Checking(),
) -> Iterator[list[Scored]]:
    """Yields what becomes of each input, in their order, some at a time.

    Args:
        predictor: Scores.
        inputs: Gone through once, a few batches ahead of what is yielded.
        checking: How they are checked.
    """
    size = predictor.batch_size
    load = functools.partial(_load, predictor, checking)
    waiting: list[_Loaded] = []
    num_images = 0
    # Threads of NumPy's, which wait for each other in a loop, would take from
    # those that decode what they wait for: a third of the rate on two cores.
    with threadpoolctl.threadpool_limits(1, "blas"):
        for loaded in parallel.ordered_map(
            load, inputs, ahead=_BATCHES_AHEAD * size
        ):
            waiting.append(loaded)
            num_images += loaded.pixels is not None
            if num_images == size or len(waiting) == _MOST_WAITING * size:
                yield _score(predictor, waiting, checking)
                waiting, num_images = [], 0
        if waiting:
            yield _score(predictor, waiting, checking)


def _load(
    predictor: predictor_lib.Predictor,
    checking: Checking,
    given: inputs_lib.Input,
) -> _Loaded:
    """Reads, decodes and looks at a file; what is wrong is in the result."""
    if given.error:
        return _Loaded(given.path, error=given.error)
    try:
        with limits.naming(given.path):
            data, _ = files_lib.read(files_lib.to_path(given.path))
            decoded = predictor.decode(data)
            pixels = predictor.make_pixels(decoded)
    # Of the file (BadFile), of the machine (too little memory, a failing disk),
    # or of a library that is not installed: the next file may do.
    except (ValueError, OSError, ImportError) as error:
        return _Loaded(given.path, error=str(error))
    flags: tuple[str, ...] = ()
    if checking.is_on:
        flags = input_check.check_film(decoded, pixels)
    return _Loaded(given.path, pixels, flags)


def _score(
    predictor: predictor_lib.Predictor,
    waiting: Sequence[_Loaded],
    checking: Checking,
) -> list[Scored]:
    """Returns the rows of files, the good ones of which are a batch."""
    pixels = [each.pixels for each in waiting if each.pixels is not None]
    judged = iter(
        _predict(predictor, np.stack(pixels), checking) if pixels else ()
    )
    return [
        (
            Scored(prediction_rows.Row(each.path, error=each.error), None)
            if each.pixels is None
            else _judge(each, *next(judged), checking)
        )
        for each in waiting
    ]


def _predict(
    predictor: predictor_lib.Predictor,
    images: predictor_lib.Pixels,
    checking: Checking,
) -> Iterator[tuple[predictor_lib.Prediction, tuple[str, ...]]]:
    """Returns what is said of images, with the flags that a batch gets."""
    predictions = predictor.predict(images)
    flags: list[tuple[str, ...]] = [()] * len(images)
    if checking.is_on and checking.reference is not None:
        found = [each.features for each in predictions]
        known = [each for each in found if each is not None]
        flags = input_check.check_familiar(
            checking.reference, images, np.stack(known) if known else None
        )
    return zip(predictions, flags)


def _judge(
    loaded: _Loaded,
    prediction: predictor_lib.Prediction,
    more_flags: tuple[str, ...],
    checking: Checking,
) -> Scored:
    flags = loaded.flags + more_flags
    error = ""
    if flags and checking.refuses:
        error = f"input check: {', '.join(flags)}"
    elif not np.isfinite(prediction.calibrated).all():
        error = "the network returned what is no number"
    if error:
        row = prediction_rows.Row(loaded.path, flags=flags, error=error)
        return Scored(row, None)
    row = prediction_rows.Row(loaded.path, prediction, flags)
    return Scored(row, loaded.pixels)
