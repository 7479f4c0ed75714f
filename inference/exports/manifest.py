"""What an export says of itself, and the proof that its files are as written.

{"schema": 1, "format": one of FORMATS, "created": time in UTC,
 "files": {path in the export: SHA-256},
 "class_names": in the order of the probabilities,
 "decision": {"threshold": of the second of two classes, or null for the
              likeliest class, "rule": by which that was chosen on the
              validation split of "data", such as "youden"; a number was
              chosen by nothing, "temperature": what logits are divided by,
              or null, "note"},
 "input": what the network is fed, in words, "image_shape": [height, width,
 channels], "batch_size": of the run,
 "preparation": options of `xray_tfds.XrayConfig` by which films become
                such images, "preprocessing": what the network's file does
                with these itself,
 "model": {"network", "precision", "weights", "epoch", "num_parameters",
           "sha256", and of several runs "members": the same of each},
 "data": {"name", "fingerprint", "validation_fingerprint"},
 "verified": {"num_images", "largest_difference", ...},
 "self_test": [{"file", "probabilities"}],
 "intended_use", "limits": [str], "versions"}
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import hashlib
import json
import math
import pathlib
import re
import stat
from typing import Any

from evaluation import thresholds

FILE = "manifest.json"
SCHEMA = 1
FORMATS = ("savedmodel", "keras", "onnx", "litert")

# Of `xray_tfds.XrayConfig`: what happens to a single film.
PREPARATION = (
    *("image_size", "color_mode", "interpolation", "keep_aspect_ratio"),
    *("min_image_size", "max_image_pixels", "harmonize", "effective_size"),
)

# What is said of each network.
_OF_NETWORK = ("network", "precision")

_MOST_BYTES = 2**20

# Of a file; the largest network, ConvNeXtXLarge, has 1.4 GB.
_MOST_FILE_BYTES = 2**32

# Of the images that a network is shown at a time.
_MOST_BATCH_BYTES = 2**30
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What is needed to use an export.

    Attributes:
        directory: Of the export.
        format: One of `FORMATS`.
        files: Path in the directory -> SHA-256.
        class_names: In the order of the probabilities.
        image_shape: `(height, width, channels)`.
        batch_size: Images that the network is shown at a time.
        preparation: Options of `xray_tfds.XrayConfig`.
        threshold: As of `predictor.Predictor`, like the next two.
        temperature: See there.
        note: See there.
        rule: See there; None of exports of earlier versions.
        model: Network, precision, what its pixels are multiplied by, SHA-256;
            of several runs "members", these of each.
        self_test: Path of a film -> its probabilities.
    """

    directory: pathlib.Path
    format: str
    files: dict[str, str]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    batch_size: int
    preparation: dict[str, Any]
    threshold: float | None
    temperature: float | None
    note: str
    rule: str | None
    model: dict[str, Any]
    self_test: dict[str, list[float]]

    def read(self, name: str) -> bytes:
        """Returns the content of a file, which is as it was written.

        Raises:
            ValueError: If it is missing or was changed, or is none of `files`.
        """
        if name not in self.files:
            raise ValueError(
                f"{self.directory / FILE} has no SHA-256 of {name!r:.80}, "
                f"which is not opened. {REMEDY}"
            )
        path = self.directory / name
        expected = self.files[name]
        try:
            status = path.lstat()
            # Neither a link out of the directory nor a pipe.
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{path} is no plain file. {REMEDY}")
            if status.st_size > _MOST_FILE_BYTES:
                raise ValueError(
                    f"{path} is not the file that was exported: it has "
                    f"{status.st_size} bytes. {REMEDY}"
                )
            data = path.read_bytes()
        except OSError as error:
            raise ValueError(
                f"{path} cannot be read: {error.strerror}. {REMEDY}"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != expected:
            raise ValueError(
                f"{path} is not the file that was exported: its SHA-256 is "
                f"{found[:12]}..., and {FILE} says {expected[:12]}... "
                f"It was damaged, cut off or exchanged. {REMEDY}"
            )
        return data

    def read_tests(self) -> dict[str, bytes]:
        """Returns path -> content of the films of `self_test`; see `read`."""
        return {name: self.read(name) for name in self.self_test}


REMEDY = "Copy the export anew, or export again: python export.py."


def read(directory: str | pathlib.Path) -> Manifest:
    """Reads the manifest of an export; no other file.

    Args:
        directory: Of the export.

    Raises:
        ValueError: If there is none, or it is damaged or of another version.
    """
    directory = pathlib.Path(directory).expanduser()
    path = directory / FILE
    if not path.is_file():
        raise ValueError(
            "`model` must be the directory of an export of export.py, and "
            f"this one holds no {FILE}. Received: model={directory}"
        )
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is far too large")
        return _parse(directory, json.loads(path.read_bytes()))
    except (
        *(AttributeError, KeyError, OSError, RecursionError, TypeError),
        *(ValueError, OverflowError),
    ) as error:
        raise ValueError(
            f"{path} is damaged or of another version: {error!r:.200}. "
            f"{REMEDY}"
        ) from error


def digests(directory: pathlib.Path) -> dict[str, str]:
    """Returns the SHA-256 of each file of a new export, by its path in it."""
    return {
        path.relative_to(directory)
        .as_posix(): hashlib.sha256(path.read_bytes())
        .hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != FILE
    }


def write(directory: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Writes a manifest into a new export."""
    text = json.dumps(content, indent=1, allow_nan=False)
    (directory / FILE).write_text(f"{text}\n", encoding="utf-8")


def _parse(directory: pathlib.Path, content: Any) -> Manifest:
    if content["schema"] != SCHEMA:
        raise ValueError(f'"schema" is {content["schema"]!r:.40}')
    if content["format"] not in FORMATS:
        raise ValueError(f'"format" is {content["format"]!r:.40}')
    files = {name: str(found) for name, found in content["files"].items()}
    for name in files:
        if not _SAFE_NAME.fullmatch(name) or ".." in name:
            raise ValueError(f"it names the file {name!r:.80}")
    class_names = tuple(map(str, content["class_names"]))
    height, width, channels = map(int, content["image_shape"])
    if len(class_names) < 2 or min(height, width, channels) < 1:
        raise ValueError(f"{class_names} of images {height}x{width}")
    batch_size = int(content["batch_size"])
    num_bytes = batch_size * height * width * channels
    if not 1 <= num_bytes <= _MOST_BATCH_BYTES:
        raise ValueError(f'"batch_size" is {batch_size}')
    decision = content["decision"]
    tests = {
        str(test["file"]): [float(p) for p in test["probabilities"]]
        for test in content["self_test"]
    }
    if not tests or any(len(p) != len(class_names) for p in tests.values()):
        raise ValueError("it has no self-test")
    found = content["preparation"]
    return Manifest(
        directory=directory,
        format=content["format"],
        files=files,
        class_names=class_names,
        image_shape=(height, width, channels),
        batch_size=batch_size,
        preparation={name: found[name] for name in PREPARATION},
        threshold=_number(decision["threshold"], 0.0, 1.0),
        temperature=_number(decision["temperature"], 1e-6, 1e6),
        note=str(decision["note"]),
        rule=_read_rule(decision.get("rule")),
        model=_read_model(content["model"]),
        self_test=tests,
    )


def _read_model(content: Any) -> dict[str, Any]:
    """Returns `model`, which has what networks of Keras are built from."""
    model = {**content, "rescale": _number(content["rescale"], -1e30, 1e30)}
    members = model.get("members", [model])
    if not isinstance(members, list) or not members:
        raise ValueError(f'"members" are {members!r:.40}')
    texts = [member[name] for member in members for name in _OF_NETWORK]
    if not all(isinstance(text, str) for text in (*texts, model["sha256"])):
        raise ValueError(f'"model" has {texts!r:.80}')
    return model


def _read_rule(rule: Any) -> str | None:
    return None if rule is None else str(thresholds.parse(str(rule)))


def _number(value: Any, low: float, high: float) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"{number} is not between {low} and {high}")
    return number
