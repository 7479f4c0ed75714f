"""What is on disk, and what stays when a write does not end."""

import errno
import os
import shutil

import pytest

from disk import sync


def test_replaced_file_is_the_old_one_until_the_new_one_is_whole(
    tmp_path, monkeypatch
):
    path = tmp_path / "head"
    sync.replace(path, b"old")

    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            sync.replace(path, b"new")
    assert path.read_bytes() == b"old"
    sync.replace(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["head"]
    assert path.read_bytes() == b"new"


def test_copy_is_whole_or_the_file_that_was_there(tmp_path, monkeypatch):
    (tmp_path / "source").write_bytes(b"new" * 10**6)
    path = tmp_path / "copies" / "shard"
    path.parent.mkdir()
    sync.replace(path, b"old")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfileobj", fail)
        with pytest.raises(OSError, match="Input/output"):
            sync.copy(tmp_path / "source", path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in path.parent.iterdir()] == ["shard"]
    sync.copy(tmp_path / "source", path)
    assert path.read_bytes() == b"new" * 10**6
    assert [file.name for file in path.parent.iterdir()] == ["shard"]


def test_two_who_copy_to_one_place_do_not_share_what_is_unfinished(
    tmp_path, monkeypatch
):
    source, path = tmp_path / "source", tmp_path / "copies" / "shard"
    source.write_bytes(b"new")
    path.parent.mkdir()
    copy = shutil.copyfileobj

    def copy_while_another_does(*args):
        monkeypatch.setattr(shutil, "copyfileobj", copy)
        sync.copy(source, path)
        copy(*args)

    monkeypatch.setattr(shutil, "copyfileobj", copy_while_another_does)
    sync.copy(source, path)
    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["shard"]


def test_append_makes_the_file_and_keeps_what_is_there(tmp_path):
    path = tmp_path / "lines"
    sync.append(path, b"one\n")
    sync.append(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_drive_that_syncs_no_directories_is_no_error(
    tmp_path, monkeypatch, number
):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    if number == errno.EINVAL:
        sync.sync_directory(tmp_path)
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            sync.sync_directory(tmp_path)


def test_system_that_opens_no_directories_syncs_none(tmp_path, monkeypatch):
    def refuse(path, flags):
        raise PermissionError(13, "Permission denied")

    # Windows has no such flag, and refuses to open a directory.
    monkeypatch.delattr(os, "O_DIRECTORY")
    monkeypatch.setattr(os, "open", refuse)
    sync.sync_directory(tmp_path)
