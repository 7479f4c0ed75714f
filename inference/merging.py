"""Several runs as one, whose probabilities are the mean of theirs."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import functools
import hashlib
import pathlib

import tensorflow as tf

from inference import external
from inference import run_files
from inference import runs


@dataclasses.dataclass(frozen=True, eq=False)
class MergedRun(runs.Run):
    """Runs that are fed the same images, as one; what else it is is the first.

    Attributes:
        members: The runs, of which `model` is that of the first.
    """

    members: tuple[runs.Run, ...] = ()

    @property
    def num_parameters(self) -> int:
        """Of all networks together."""
        return sum(member.num_parameters for member in self.members)

    @functools.cached_property
    def outputs(self) -> runs.Outputs:
        """As of a run: mean probabilities, and the features of all in a row."""

        def outputs(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            each = [member.outputs(images) for member in self.members]
            probabilities, features = zip(*each)
            return tf.reduce_mean(probabilities, axis=0), tf.concat(features, 1)

        return outputs


def open_runs(
    workdirs: Sequence[str | pathlib.Path],
    *,
    weights: run_files.Weights = "best",
) -> runs.Run:
    """Opens a run, or several as one.

    Args:
        workdirs: Directories of runs.
        weights: As of `runs.open_run`.

    Raises:
        ValueError: If one cannot be opened, is named twice, or is fed other
            images than the first.
    """
    opened = [runs.open_run(path, weights=weights) for path in workdirs]
    first = opened[0]
    if len(opened) == 1:
        return first
    named = ",".join(str(run.workdir) for run in opened)
    digests = [run.sha256 for run in opened]
    if len(set(digests)) < len(digests):
        raise ValueError(
            "`workdir` must name each model once. Received: " f"workdir={named}"
        )
    for run in opened[1:]:
        _check_alike(first, run)
    fields = {f.name: getattr(first, f.name) for f in dataclasses.fields(first)}
    fields["sha256"] = hashlib.sha256("".join(digests).encode()).hexdigest()
    # No directory: what was chosen for the first alone is not that of all.
    fields["workdir"] = pathlib.Path(named)
    return MergedRun(**fields, members=tuple(opened))


def members_of(run: runs.Run) -> tuple[runs.Run, ...]:
    """Returns the runs that a run is made of: mostly itself alone."""
    return run.members if isinstance(run, MergedRun) else (run,)


def _check_alike(first: runs.Run, other: runs.Run) -> None:
    """Raises ValueError where two runs are not shown the same for a film."""
    pairs = {
        "classes": (first.class_names, other.class_names),
        "records": (
            external.builder_options(first),
            external.builder_options(other),
        ),
        "normalisation": (first.augment, other.augment),
        # Those of the data set, where they are used, are of the same films.
        "images": (first.data_fingerprint, other.data_fingerprint),
        "precision": tuple(
            run.settings.get("mixed_precision", "none")
            for run in (first, other)
        ),
    }
    for what, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise ValueError(
                "`workdir` must name runs that differ in seed and network "
                f"alone to be exported as one model. Their {what} differ. "
                f"Received: workdir={first.workdir},{other.workdir}"
            )
