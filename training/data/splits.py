"""The splits that training reads: train and validation, never test."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import dataclasses
import os
import pathlib
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

import pipeline
from pipeline import data_source


@dataclasses.dataclass(frozen=True)
class Splits:
    """What a run is trained on and validated with.

    Attributes:
        name: The dataset's, for people.
        train: Split to learn from.
        validation: Split to validate on, of the same classes.
        metadata: How the images were prepared, by name; empty if unknown.
        directory: Of the records; None for images that came from elsewhere.
    """

    name: str
    train: data_source.DataSource
    validation: data_source.DataSource
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    directory: str | None = None

    def __post_init__(self) -> None:
        """Checks that the splits are of one kind."""
        for field in ("class_names", "image_shape"):
            train = getattr(self.train, field)
            validation = getattr(self.validation, field)
            if train != validation:
                raise ValueError(
                    f"`{field}` must be the same in both splits. Received: "
                    f"train={train}, validation={validation}"
                )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return self.train.class_names

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of the images."""
        return self.train.image_shape

    @contextlib.contextmanager
    def naming_damage(self) -> Iterator[None]:
        """Looks for a damaged file where TensorFlow fails to read records.

        Raises:
            ValueError: If there is one; names it.
        """
        try:
            yield
        except tf.errors.OpError:
            for split in (self.train, self.validation):
                split.check_records()
            raise


def load_splits(
    data: tfds.core.DatasetBuilder | str | os.PathLike[str] | Splits,
    *,
    memory_budget_gb: float = 4.0,
) -> Splits:
    """Opens both splits: in memory if they fit, else read as needed.

    Args:
        data: A prepared TFDS builder, its directory, or a `Splits`, which is
            returned as it is.
        memory_budget_gb: Most GiB that the images of a split may take.

    Raises:
        ValueError: If a split is missing, or its records are incomplete or
            damaged.
    """
    if isinstance(data, Splits):
        return data
    if isinstance(data, (str, os.PathLike)):
        data = tfds.builder_from_directory(data)
    _check_prepared(data)
    for split in ("train", "validation"):
        if split not in data.info.splits:
            found = ", ".join(data.info.splits) or "none"
            raise ValueError(
                f"Training needs a split `{split}`, and {data.info.full_name} "
                f"has none. Splits found: {found}. Prepare it with a folder "
                f"{split}/, or without split folders, to be split by patient."
            )
    train, validation = (
        pipeline.open_split(
            data, split, memory_budget_bytes=int(memory_budget_gb * 2**30)
        )
        for split in ("train", "validation")
    )
    return Splits(
        name=data.info.full_name,
        train=train,
        validation=validation,
        metadata=dict(data.info.metadata or {}),
        directory=os.path.abspath(data.data_dir),
    )


def _check_prepared(data: tfds.core.DatasetBuilder) -> None:
    """Raises ValueError unless there are records; names others of the place."""
    if data.info.splits:
        return
    root = pathlib.Path(data.data_dir_root)
    others = sorted(
        path.parent.parent.relative_to(root).as_posix()
        for path in root.glob(f"{data.name}/*/*/dataset_info.json")
    )
    remedy = (
        f"Those that are there: --dataset={' or --dataset='.join(others)}."
        if others
        else "Add --data_dir=DIR (`data_dir`) with the directory that they "
        "were built in, or build them from a folder: --images_dir=DIR "
        "(`images_dir`) in the place of --dataset."
    )
    raise ValueError(
        f"No records of {data.info.full_name} are in {data.data_dir}. {remedy}"
    )


def check_options(
    data: tfds.core.DatasetBuilder,
    options: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> None:
    """Raises where prepared images are not as they were asked for.

    Args:
        data: A prepared TFDS builder.
        options: Options of the images by name, as `image_options` gives them.
        defaults: Those of the builder, by name: records that are older than an
            option were prepared by its default.

    Raises:
        ValueError: If there are no images, or an option differs from what they
            were prepared with, or is none of theirs.
    """
    _check_prepared(data)
    # A dataset of others may say nothing of how it was prepared.
    metadata = data.info.metadata or {}
    for name, value in options.items():
        is_default = name in defaults and value == defaults[name]
        is_known = name in metadata or is_default
        if metadata and not is_known:
            raise ValueError(
                f"`{name}` is no option that {data.info.full_name} was "
                f"prepared with. Leave it out. Received: {name}={value}"
            )
        prepared = metadata.get(name, value)
        if isinstance(value, tuple) and isinstance(prepared, list):
            prepared = tuple(prepared)
        if prepared != value:
            raise ValueError(
                f"`{name}` cannot be changed after {data.info.full_name} was "
                f"prepared with {name}={prepared}. Leave it out, also of "
                "--builder_config, or prepare the images anew: "
                "--images_dir=DIR in the place of --dataset. "
                f"Received: {name}={value}"
            )
