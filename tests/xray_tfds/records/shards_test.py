"""Examples hold what TFDS's do; shards of them are TFDS's, to the byte."""

import pathlib
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer
from tensorflow_datasets.core import writer as writer_lib
from tensorflow_datasets.proto import tf_example_pb2

import xray_tfds
from xray_tfds.curate import examine
from xray_tfds.curate import findings
from xray_tfds.records import example_files
from xray_tfds.records import examples
from xray_tfds.records import features as features_lib
from xray_tfds.records import shards
from xray_tfds.source import patients
from xray_tfds.source import source_files

_CONFIG = xray_tfds.XrayConfig(
    class_names=tuple(f"class {number}" for number in range(300))
)
_FEATURES = features_lib.make_features(_CONFIG)


def _films(number, max_bytes):
    """Yields files, and bytes in the place of their PNGs."""
    generator = np.random.default_rng(number)
    for index in range(number):
        label = _CONFIG.class_names[index * 7 % 300]
        name = f"{label}/{'ä' * (index % 150)}{index}.png"
        file = source_files.SourceFile(pathlib.Path(name), name, label, None)
        patient = patients.Patient(f"patient {index // 2}", patients.NO_RULE)
        png = generator.bytes(generator.integers(1, max_bytes))
        yield examine.ExaminedFile(file, patient, len(png)), png


class _TheirSerializer:
    def __init__(self):
        self._serializer = example_serializer.ExampleSerializer(
            _FEATURES.get_serialized_info()
        )

    def serialize(self, file, png):
        example = _FEATURES.encode_example(examples.make_example(file, png))
        return self._serializer.serialize_example(example)


def test_examples_are_those_of_tfds():
    ours, theirs = examples.Serializer(_CONFIG), _TheirSerializer()
    films = [*_films(300, 300), *_films(30, 70_000), *_films(1, 3_000_000)]
    (file, _), *_ = films
    for file, png in [*films, (file, b"")]:
        example = ours.serialize(file, png)
        # TFDS lists the features in an order that no two processes share;
        # protobuf can list them by name.
        parsed = tf_example_pb2.Example.FromString(theirs.serialize(file, png))
        assert example == parsed.SerializeToString(deterministic=True)
        assert examples.split(example)[0] == png


def test_features_are_listed_by_their_names_in_every_process():
    (film,) = _films(1, 99)
    example = examples.Serializer(_CONFIG).serialize(*film)
    names = [b"filename", b"image", b"label", b"patient"]
    # A name follows the number of its field and its own length.
    places = [example.index(bytes((10, len(name))) + name) for name in names]
    assert places == sorted(places)


def test_all_but_the_png_tells_examples_apart():
    serializer = examples.Serializer(_CONFIG)
    (one, png), (other, _) = _films(2, 99)
    facts = examples.split(serializer.serialize(one, png))[1]
    assert facts == examples.split(serializer.serialize(one, b""))[1]
    assert facts != examples.split(serializer.serialize(other, png))[1]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_shards": 3},
        {"min_shard_size": 10_000, "max_shard_size": 40_000},
        {"num_shards": 2, "max_examples_per_split": 9},
    ],
    ids=str,
)
@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_shards_are_those_of_tfds(options, file_format, tmp_path):
    if file_format == "array_record":
        pytest.importorskip("array_record")
    serializer = examples.Serializer(_CONFIG)
    films = list(_films(200, 2000))
    stored = [serializer.serialize(*film) for film in films]
    splits = {
        "train": [(f"{index}.png", index) for index in range(150)],
        "test": [(f"{index}.png", index) for index in range(150, 200)],
    }
    config = tfds.download.DownloadConfig(**options)
    writer = writer_lib.ExampleWriter(tfds.core.FileFormat(file_format))

    def template_of(split, folder="ours"):
        (tmp_path / folder).mkdir(exist_ok=True)
        return tfds.core.ShardedFileTemplate(
            data_dir=tmp_path / folder,
            dataset_name="xray_tfds",
            split=split,
            filetype_suffix=file_format,
        )

    examination = types.SimpleNamespace(
        place_of=lambda index: example_files.Place("", 0, len(stored[index])),
        example_of=lambda index: stored[index],
        files=findings.Findings.of([file for file, _ in films]),
        config=_CONFIG,
        source=types.SimpleNamespace(fingerprint="of the source"),
    )
    infos = shards.write(splits, examination, template_of, config, writer)
    for (split, kept), info in zip(splits.items(), infos):
        theirs = writer_lib.Writer(
            serializer=types.SimpleNamespace(
                serialize_example=lambda example: example
            ),
            filename_template=template_of(split, "theirs"),
            hash_salt=split,
            disable_shuffling=False,
            example_writer=writer,
            shard_config=config.get_shard_config(),
        )
        for key, index in kept[: config.max_examples_per_split]:
            theirs.write(key, stored[index])
        assert (info.shard_lengths, info.num_bytes) == theirs.finalize()
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / who).glob("*.*")}
        for who in ("ours", "theirs")
    )
    assert one == other and len(one) > 1
