"""One network or several, evaluated like one."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import sys
from typing import Any

import numpy as np
from numpy import typing as npt
import tqdm.auto

from console import streams
from evaluation import scores as scores_lib
from inference import examples as examples_lib
from inference import model_option
from inference import overlap as overlap_lib
from inference import predictor as predictor_lib
from inference import runs as runs_lib
from inference import scoring
from inference.exports import loading
from inference.exports import manifest as manifest_lib
from inference.exports import members as members_lib


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """Examples, as each network of an ensemble is shown them, and its scores.

    Attributes:
        name: Of the split or the folder.
        members: The examples of each network; the same object where two of
            them were trained on the same records.
        scores: Of the ensemble, in the order of the keys.
        overlap: What the training of any network knows of them.
    """

    name: str
    members: tuple[examples_lib.Examples, ...]
    scores: scores_lib.Scores
    overlap: overlap_lib.Overlap

    @property
    def first(self) -> examples_lib.Examples:
        """The examples of the first network."""
        return self.members[0]

    def groups(self) -> list[tuple[examples_lib.Examples, list[int]]]:
        """Returns the different examples, each with whose networks they are."""
        found: dict[int, tuple[examples_lib.Examples, list[int]]] = {}
        for index, member in enumerate(self.members):
            found.setdefault(id(member), (member, []))[1].append(index)
        return list(found.values())


class Ensemble:
    """The networks of runs, of which the mean probability counts.

    Attributes:
        runs: One, or several of the same classes.
        export: Manifest of the export that is asked in the place of their
            networks; None if these themselves are.
    """

    def __init__(
        self,
        workdirs: Sequence[str],
        *,
        model: str = "best",
        option: str = "workdir",
    ) -> None:
        """Opens the runs.

        Args:
            workdirs: Directories of runs.
            model: As of `config.EvaluateConfig`.
            option: That names them, for errors.

        Raises:
            ValueError: If one cannot be opened, is named twice, or has other
                classes; or an export is not of the run.
        """
        self.export: manifest_lib.Manifest | None = None
        self._exported: predictor_lib.Predictor | None = None
        weights: Any = model
        if model_option.is_export(model):
            self._exported = loading.open_export(model)
            self.export = manifest_lib.read(self._exported.name)
            weights = self.export.model.get("weights")
        self.runs = tuple(
            runs_lib.open_run(path, weights=weights, option=option)
            for path in workdirs
        )
        first = self.runs[0]
        for run in self.runs[1:]:
            if run.class_names != first.class_names:
                raise ValueError(
                    "`workdir` must name runs of the same classes. Received: "
                    f"{first.workdir} with {', '.join(first.class_names)}, "
                    f"{run.workdir} with {', '.join(run.class_names)}"
                )
        if len({run.sha256 for run in self.runs}) < len(self.runs):
            raise ValueError(
                "`workdir` must name each model once. Received: "
                f"workdir={','.join(workdirs)}"
            )
        if self.export is not None:
            _check_origin(self.export, self.runs)

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return self.runs[0].class_names

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of the file of each network."""
        return tuple(run.sha256 for run in self.runs)

    def score(
        self, open_examples: Callable[[runs_lib.Run], examples_lib.Examples]
    ) -> Subject:
        """Scores examples.

        Args:
            open_examples: Opens them as a run's own records are.

        Raises:
            ValueError: If the networks were not shown the same examples, or
                these are damaged.
        """
        members: list[examples_lib.Examples] = []
        scores, overlaps = [], []
        for run in self.runs:
            opened = open_examples(run)
            overlaps.append(opened.overlap)
            known = [m for m in members if m.directory == opened.directory]
            members.append(known[0] if known else opened)
            scores.append(_score(run, members[-1], self._exported))
        return Subject(
            members[0].name,
            tuple(members),
            scoring.mean(scores),
            overlap_lib.union(overlaps),
        )

    def predict(
        self, indices: Sequence[int], images: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float64]:
        """Returns the sum of the probabilities of some networks.

        Args:
            indices: Of the networks.
            images: uint8 `[n, height, width, channels]`, of their records.

        Returns:
            float64 `[n, num_classes]`.
        """
        parts = [
            next(
                scoring.score_images(
                    self.runs[index], [images], export=self._exported
                )
            )
            for index in indices
        ]
        return np.asarray(np.sum(parts, axis=0))


def _check_origin(
    export: manifest_lib.Manifest, runs: Sequence[runs_lib.Run]
) -> None:
    """Raises ValueError unless an export is of these runs."""
    run = runs[0]
    found = export.model["sha256"], export.class_names, export.image_shape
    if found != (members_lib.digest(runs), run.class_names, run.image_shape):
        workdir = ",".join(str(each.workdir) for each in runs)
        raise ValueError(
            f"The export in {export.directory} is of other weights than "
            f"{run.weights} of {workdir}: of another run, or of this one "
            "before it was resumed. Name its run with --workdir (of several "
            "all, as they were named), or export again: python export.py "
            f"--workdir={workdir}."
        )


def _score(
    run: runs_lib.Run,
    examples: examples_lib.Examples,
    export: predictor_lib.Predictor | None,
) -> scores_lib.Scores:
    with tqdm.auto.tqdm(
        total=len(examples),
        desc=f"Scoring {examples.name}",
        unit=" images",
        leave=False,
        # In a log each of its updates would stay.
        disable=not streams.is_live(sys.stderr),
    ) as bar:
        return scoring.score(
            run,
            examples,
            progress=lambda done, _: bar.update(done - bar.n),
            export=export,
        )
