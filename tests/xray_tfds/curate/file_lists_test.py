"""What errors name of many files."""

import types

from xray_tfds.curate import file_lists


def _examined(number, split):
    file = types.SimpleNamespace(split=split, filename=f"{number}.png")
    return types.SimpleNamespace(file=file)


def test_one_file_of_each_split_is_named_however_many_there_are():
    examined = [_examined(n, s) for s in ("train", "test") for n in range(40)]
    named = file_lists.names(examined, range(80)).split(", ")
    assert named[:3] == ["train/0.png", "test/0.png", "train/1.png"]
    assert named[9:] == ["train/8.png", "and 70 more"]


def test_few_files_are_all_named():
    examined = [_examined(n, None) for n in range(12)]
    assert file_lists.names(examined, (3, 11)) == "3.png, 11.png"
