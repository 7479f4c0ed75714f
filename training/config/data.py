"""Where the images of a run come from."""

import dataclasses
import os
import typing
from typing import Any
from typing import Literal

from disk import paths
from pipeline import checks
from pipeline import options

ColorMode = Literal["grayscale", "rgb", "rgba"]
Interpolation = Literal[
    "nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"
]
COLOR_MODES: tuple[ColorMode, ...] = typing.get_args(ColorMode)
INTERPOLATIONS: tuple[Interpolation, ...] = typing.get_args(Interpolation)

# Other images would be other validation images: no sweep compares those. A run
# is resumed with the same images by their fingerprint.
DATA = options.Group("Data", scope="shared")


# Options of the builder that are flags, too.
_IMAGE_OPTIONS = ("image_size", "color_mode", "interpolation", "class_names")

# In the place of names of classes: the folders that are found.
_AUTO = ("auto",)


def _is_auto(names: Any) -> bool:
    return names in ("auto", list(_AUTO), _AUTO)


def _make_absolute(name: str, value: str) -> str:
    # An empty variable would be the directory that one is in.
    if not value:
        raise ValueError(f"`{name}` must be a path. Received: {name}={value}")
    # What is inside the folder of images goes on from another directory.
    return os.path.abspath(value) if paths.is_local(value) else value


def _check_class_names(name: str, value: Any) -> tuple[str, ...]:
    is_list = isinstance(value, (list, tuple))
    # As they come of JSON, where they may be anything.
    names = tuple(map(str, value)) if is_list else (str(value),)
    if names == _AUTO:
        return names
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise ValueError(
            f"`{name}` must be at least two different folder names, or auto. "
            f"Received: {name}={','.join(names)}"
        )
    return names


@options.documented
@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the images come from: a folder of images, or a prepared dataset.

    Exactly one of `images_dir` and `dataset` is given. None, from `image_size`
    on, means the builder's default for `images_dir`, and whatever it was
    prepared with for `dataset`.
    """

    images_dir: str | None = DATA.option(
        None,
        "Folder of class folders, with or without train/, validation/ and "
        "test/ above them, or s3://BUCKET/FOLDER; prepared first if need be.",
        kind="path",
    )
    dataset: str | None = DATA.option(
        None,
        "Instead of images_dir: name of a prepared TFDS dataset, such as "
        "xray_tfds or xray_tfds/<config>.",
    )
    data_dir: str | None = DATA.option(
        None,
        "Where prepared records are. With images_dir data/records if left "
        "out, with dataset TFDS's own directory.",
        kind="path",
    )
    image_size: tuple[int, int] | None = DATA.option(
        None,
        "Height and width in pixels, one number for a square. Preparing uses "
        "256,256 if this is left out.",
        kind="size",
        check=checks.optional(checks.size),
    )
    color_mode: ColorMode | None = DATA.option(
        None, "Colours of the prepared images; grayscale if left out."
    )
    interpolation: Interpolation | None = DATA.option(
        None,
        "How images are resized; bilinear if left out, nearest as Keras does.",
    )
    class_names: tuple[str, ...] | None = DATA.option(
        None,
        "The classes' folders in label order, or auto for those that are "
        "found; normal,pneumonia if left out.",
        check=checks.optional(_check_class_names),
    )
    builder_config: dict[str, Any] | None = DATA.option(
        None, "Further options of the builder, as of tfds build --config."
    )
    rehash: bool = DATA.option(
        False,
        "With images_dir, reads every file again, also one whose size and "
        "times are as they were.",
    )
    publish_dir: str | None = DATA.option(
        None,
        "With images_dir, where the records are copied to for other machines, "
        "once they are prepared: a directory, or s3://BUCKET/FOLDER.",
        kind="path",
        check=checks.optional(_make_absolute),
        # Whoever repeats a run need not be who may write there.
        scope="process",
    )

    def __post_init__(self) -> None:
        if (self.images_dir is None) == (self.dataset is None):
            raise ValueError(
                "Exactly one of `images_dir` (a folder of images) and "
                "`dataset` (a prepared dataset) must be given. Received: "
                f"images_dir={self.images_dir}, dataset={self.dataset}"
            )
        if (
            self.images_dir is not None
            and paths.is_local(self.images_dir)
            and not os.path.isdir(self.images_dir)
        ):
            raise ValueError(
                "`images_dir` must be an existing directory. Received: "
                f"images_dir={self.images_dir}"
            )
        if self.publish_dir is not None and self.images_dir is None:
            raise ValueError(
                "`publish_dir` must be given with `images_dir`: it copies the "
                "records that are prepared from a folder of images. Add "
                "--images_dir=DIR with that folder, or leave --publish_dir "
                f"out. Received: publish_dir={self.publish_dir}, "
                f"dataset={self.dataset}"
            )
        options.check_fields(self)
        self._check_builder_config()

    def _check_builder_config(self) -> None:
        """Raises ValueError where `builder_config` says what a flag says."""
        declared = options.options_of(type(self))
        for name, value in (self.builder_config or {}).items():
            if name not in declared:
                continue
            if name not in _IMAGE_OPTIONS:
                raise ValueError(
                    f"`builder_config` must not have `{name}`, which is an "
                    f"option of its own: --{name}={value}. Received: "
                    f"builder_config={self.builder_config}"
                )
            given, check = getattr(self, name), declared[name].check
            # `auto` leaves it to the other, which has the names that were found
            # in a flag file.
            if given is None or check is None or _is_auto(value):
                continue
            if check(name, value) != given:
                raise ValueError(
                    f"`{name}` must not be given twice, with two values. Leave "
                    f"out --{name}, or {name} of --builder_config. Received: "
                    f"{name}={given}, builder_config={self.builder_config}"
                )

    @property
    def finds_classes(self) -> bool:
        """Whether the classes are those that the folder is found to have."""
        return _is_auto(self.image_options().get("class_names"))

    def image_options(self) -> dict[str, Any]:
        """Returns the builder's options that were given, by name."""
        values = {name: getattr(self, name) for name in _IMAGE_OPTIONS}
        given = {name: v for name, v in values.items() if v is not None}
        found = {**(self.builder_config or {}), **given}
        if self.dataset is not None and _is_auto(found.get("class_names")):
            del found["class_names"]  # Prepared, it has them.
        return found
