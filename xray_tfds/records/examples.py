"""Examples of the records: the bytes that TFDS makes of a film."""

from typing import Any
from typing import TYPE_CHECKING

from tensorflow_datasets.proto import tf_example_pb2

from xray_tfds.curate import examine
from xray_tfds.curate import split_assignment
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

_IMAGE = "image"
_LABEL = "label"

# The type of a field that has a length.
_LENGTH_DELIMITED = 2


def make_key(
    file: source_files.SourceFile, split: str, config: "config_lib.XrayConfig"
) -> str:
    """Returns the key of the example of a file that is kept.

    Names are unique within a given split; a file that leaves its own may meet
    its name elsewhere, by `on_leak` or by `validation`. (Files of train only
    ever leave together, for the validation that is carved out of it.)
    """
    moved = file.split not in (None, split_assignment.TRAIN, split) or (
        file.split == split_assignment.VALIDATION
        and config.validation == "carve"
    )
    return f"{file.split}/{file.filename}" if moved else file.filename


def make_example(
    examined_file: examine.ExaminedFile, png: bytes
) -> dict[str, Any]:
    """Returns the features of the example of a good file."""
    return {
        "image": png,
        "label": examined_file.file.label,
        "filename": examined_file.file.filename,
        "patient": examined_file.patient.key,
    }


def number_labels(config: "config_lib.XrayConfig") -> dict[str, int]:
    """Returns name of a class -> its number, as TFDS's `ClassLabel` has it."""
    return {name: number for number, name in enumerate(config.class_names)}


class Serializer:
    """Makes examples, in any thread.

    They hold what those of TFDS's serializer hold, which copies a PNG nine
    times and takes ten times as long. It lists the features in an order that
    changes from process to process; here it is that of their names, so that
    equal films are equal bytes wherever they are made.
    """

    def __init__(self, config: "config_lib.XrayConfig") -> None:
        """Takes the options that say what an example holds."""
        self._number_of = number_labels(config)

    def serialize(self, file: examine.ExaminedFile, png: bytes) -> bytes:
        """Returns the example of a good file and the PNG of its record."""
        features: list[bytes] = []
        for name, value in sorted(make_example(file, png).items()):
            if name == _LABEL:
                feature = _field(
                    3, _field(1, [_varint(self._number_of[value])])
                )
            else:
                data = value if name == _IMAGE else value.encode()
                feature = _field(1, _field(1, [data]))
            entry = [*_field(1, [name.encode()]), *_field(2, feature)]
            features += _field(1, entry)
        return b"".join(_field(1, features))


def _field(number: int, parts: list[bytes]) -> list[bytes]:
    """Returns a field of a message: number and type, length, and content.

    https://protobuf.dev/programming-guides/encoding; the numbers are those of
    https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example
    (example.proto, feature.proto).
    """
    length = _varint(sum(map(len, parts)))
    return [bytes((number << 3 | _LENGTH_DELIMITED,)), length, *parts]


def _varint(number: int) -> bytes:
    """Returns a number in groups of 7 bits, the lowest first."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def split(example: bytes) -> tuple[bytes, bytes]:
    """Returns the PNG of an example, and all else in an order of its own.

    Raises:
        DecodeError: If it is no example.
        IndexError: If it has no PNG.
    """
    parsed = tf_example_pb2.Example.FromString(example)
    png = parsed.features.feature[_IMAGE].bytes_list.value[0]
    del parsed.features.feature[_IMAGE]
    return png, parsed.SerializeToString(deterministic=True)
