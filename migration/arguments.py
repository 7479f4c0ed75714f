"""The arguments that all of Keras's `flow` methods have."""

from __future__ import annotations

from collections.abc import Mapping
import inspect
import secrets
from typing import Any

import pipeline
from pipeline import checks

# Arguments of `make_train_dataset` that a flow passes itself.
_OURS = {"data", "split", "config", "label_mode"}


def as_config(
    generator: pipeline.AugmentConfig | Any,
) -> pipeline.AugmentConfig:
    """Returns the configuration that a flow's first argument is or holds."""
    if isinstance(generator, pipeline.AugmentConfig):
        return generator
    return pipeline.AugmentConfig.from_keras(generator)


def make_options(
    batch_size: int,
    shuffle: bool,
    seed: int | None,
    dataset_options: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns the options of a dataset; without a seed, one is drawn.

    Raises:
        TypeError: If `make_train_dataset` has no such option.
        ValueError: If the seed or the epoch is not as it must be.
    """
    known = inspect.signature(pipeline.make_train_dataset).parameters.keys()
    unknown = dataset_options.keys() - known | dataset_options.keys() & _OURS
    if unknown:
        raise TypeError(f"got an unexpected keyword argument {min(unknown)!r}")
    checks.integer(0)("epoch", dataset_options.get("epoch", 0))
    if seed is None:
        seed = secrets.randbelow(2**31)
    return {
        "batch_size": batch_size,
        "shuffle": shuffle,
        "seed": checks.integer(-(2**63), 2**63 - 1)("seed", seed),
        **dataset_options,
    }


def check_attribute(name: str, value: Any) -> None:
    """Raises AttributeError for what Keras's iterators heed, and ours cannot.

    `fit` forks as many processes as there are workers, and waits for them: what
    TensorFlow computes in such a copy of a process never ends.
    """
    if name == "use_multiprocessing" and value:
        raise AttributeError(
            "`use_multiprocessing` of a flow must be False: TensorFlow hangs "
            "in forked processes. A batch is computed by all cores as it is; "
            "`workers` may be any number of threads."
        )


def check_not_saved(save_to_dir: Any) -> None:
    """Raises ValueError if batches are to be saved, as only Keras does."""
    if save_to_dir:  # Empty is none to Keras, too.
        raise ValueError(
            "`save_to_dir` must be left out: a dataset has no side effects. "
            "Save the batches that it yields."
        )
