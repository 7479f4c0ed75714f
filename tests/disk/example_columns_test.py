"""What lies beside records is theirs, whole and to the letter, or nothing."""

from etils import epath
import numpy as np
import pytest

from disk import columns as columns_lib
from disk import example_columns

_NAMES = ("normal/ä b.png", "", "pneumonia/\u202e名.dcm")
_COLUMNS = example_columns.ExampleColumns(
    np.array([0, 1, 1]), _NAMES, ("p1", "p2", "p2")
)
_IDENTITY = {"fingerprint": "of the source", "shard_lengths": [2, 1]}


@pytest.fixture
def path(tmp_path):
    found = example_columns.path_of(epath.Path(tmp_path), "train")
    example_columns.write(found, _COLUMNS, **_IDENTITY)
    return found


def test_columns_are_read_as_they_were_written(path):
    columns = example_columns.read(path, **_IDENTITY)
    assert columns.labels.dtype == np.int64
    assert columns.labels.tolist() == [0, 1, 1]
    assert tuple(columns.filenames) == _NAMES
    assert tuple(columns.patients) == ("p1", "p2", "p2")
    assert (columns.filenames[-1], columns.filenames[-3]) == (
        _NAMES[-1],
        _NAMES[0],
    )
    with pytest.raises(IndexError):
        columns.patients[3]


@pytest.mark.parametrize(
    "other", [{"fingerprint": "of others"}, {"shard_lengths": [1, 2]}], ids=str
)
def test_columns_of_other_records_are_not_taken(path, other):
    assert example_columns.read(path, **{**_IDENTITY, **other}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.zeros(2, np.int64)},
        {"labels": np.zeros(3)},
        {"patients_ends": np.array([2, 4])},
        {"patients_ends": np.array([2, 9, 6])},
        {"filenames_characters": np.zeros(3, np.uint8)},
        {"labels": np.array(["a", "b", "c"], object)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_columns_that_do_not_fit_are_damaged(path, change):
    header, arrays = columns_lib.unpack(path.read_bytes())
    path.write_bytes(columns_lib.pack(header, {**arrays, **change}))
    with pytest.raises(ValueError, match="is damaged"):
        example_columns.read(path, **_IDENTITY)


def test_no_flipped_bit_of_a_header_is_believed():
    column = np.arange(1000)  # Larger than what zipfile reads ahead, 4 KiB.
    data = columns_lib.pack({"a": 1}, {"x": column})
    start = data.index(column.tobytes())
    outside = [*range(start), *range(start + column.nbytes, len(data))]
    refused = 0
    for position in outside:
        for bit in range(8):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            try:
                header, columns = columns_lib.unpack(bytes(changed))
                found = columns["x"]  # Its entry may be lost.
            except columns_lib.DAMAGE:
                refused += 1
                continue
            # The dates of a zip archive may be any.
            assert header == {"a": 1}
            np.testing.assert_array_equal(found, column)
    assert refused > 8 * 2 * 128  # Bits of the arrays' own headers.
