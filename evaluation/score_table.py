"""`scores.csv`: what every figure can be computed from again.

key,patient,label,p(normal),p(pneumonia),calibrated(normal),...,decision
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import pathlib

import numpy as np
from numpy import typing as npt

from disk import cells
from evaluation import scores as scores_lib

_NAMES = ("key", "patient", "label")


@dataclasses.dataclass(frozen=True)
class Table:
    """Scores and what follows from them.

    Attributes:
        scores: Of the network.
        calibrated: float64 `[n, num_classes]`; the same without calibration.
        decided: int64 `[n]`, class indices.
    """

    scores: scores_lib.Scores
    calibrated: npt.NDArray[np.float64]
    decided: npt.NDArray[np.int64]


def write(path: str | os.PathLike[str], table: Table) -> None:
    """Writes a table; numbers in as many digits as tell them apart."""
    scores = table.scores
    names = scores.class_names
    buffer = io.StringIO(newline="")
    # Its default ends of lines: with others it quotes no carriage return.
    writer = csv.writer(buffer)
    writer.writerow(
        [
            *_NAMES,
            *(f"p({name})" for name in names),
            *(f"calibrated({name})" for name in names),
            "decision",
        ]
    )
    for key, patient, label, own, calibrated, decision in zip(
        scores.keys.tolist(),
        scores.patients.tolist(),
        scores.labels,
        scores.probabilities.tolist(),
        table.calibrated.tolist(),
        table.decided,
    ):
        texts = (key, patient, names[label])
        writer.writerow(
            [
                *map(cells.to_cell, texts),
                *map(repr, own),
                *map(repr, calibrated),
                cells.to_cell(names[decision]),
            ]
        )
    text = buffer.getvalue().encode("utf-8", "surrogateescape")
    pathlib.Path(path).write_bytes(text)


def read(path: str | os.PathLike[str]) -> Table:
    """Returns what `write` was given.

    Raises:
        ValueError: If the file is not as `write` writes it.
    """
    text = pathlib.Path(path).read_bytes().decode("utf-8", "surrogateescape")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    try:
        header, *lines = rows
        names = tuple(
            name[2:-1]
            for name in header
            if name[:2] == "p(" and name[-1] == ")"
        )
        places = {name: index for index, name in enumerate(names)}
        texts = [[cells.from_cell(cell) for cell in line] for line in lines]
        numbers = np.array([line[3:-1] for line in lines], np.float64)
        numbers = numbers.reshape(len(lines), 2 * len(names))
        return Table(
            scores_lib.Scores(
                keys=np.array([line[0] for line in texts], np.str_),
                patients=np.array([line[1] for line in texts], np.str_),
                labels=np.array([places[line[2]] for line in texts], np.int64),
                probabilities=numbers[:, : len(names)],
                class_names=names,
            ),
            calibrated=numbers[:, len(names) :],
            decided=np.array([places[line[-1]] for line in texts], np.int64),
        )
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f"{path} is not a table of scores: {error!r:.120}"
        ) from error
