"""Files of `torch.save`: read to the number, and never run."""

import os
import pickle
import sys
import types

import numpy as np
import pytest

from training.model import torch_file


class Storage:
    """What a tensor's numbers are pickled as."""

    def __init__(self, key, numbers):
        self.key, self.numbers = key, np.asarray(numbers)


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    """Modules with the names that a file of PyTorch refers to."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*arguments):
        raise AssertionError("called")

    for module, name, value in (
        (torch, "FloatStorage", type("FloatStorage", (), {})),
        (torch, "LongStorage", type("LongStorage", (), {})),
        (utils, "_rebuild_tensor_v2", rebuild),
    ):
        value.__module__, value.__qualname__ = module.__name__, name
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return types.SimpleNamespace(torch=torch, rebuild=rebuild)


class Tensor:
    """A tensor that is pickled as PyTorch does it."""

    def __init__(self, torch, storage, offset, shape, strides):
        arguments = (storage, offset, shape, strides, False, {})
        self.reduced = torch.rebuild, arguments

    def __reduce__(self):
        return self.reduced


def write(path, torch, state, storages, magic=torch_file._MAGIC):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if not isinstance(obj, Storage):
                return None
            is_float = obj.numbers.dtype == np.float32
            kind = torch.torch.FloatStorage
            kind = kind if is_float else torch.torch.LongStorage
            return ("storage", kind, obj.key, "cpu", obj.numbers.size, None)

    with open(path, "wb") as file:
        for value in (magic, 1001, {"little_endian": True}, state):
            Pickler(file, protocol=2).dump(value)
        # `[MARK, ..., APPENDS]` for two or more, as in any network.
        pickle.dump([each.key for each in storages], file, protocol=2)
        for storage in storages:
            file.write(storage.numbers.size.to_bytes(8, "little"))
            file.write(storage.numbers.tobytes())
    return path


def test_arrays_are_read_by_their_strides(torch, tmp_path):
    numbers = Storage("1", np.arange(30, dtype=np.float32))
    counts = Storage("2", np.array([5, 6], np.int64))
    state = {
        "transposed": Tensor(torch, numbers, 0, (5, 6), (1, 5)),
        "part": Tensor(torch, numbers, 4, (2, 3), (10, 2)),
        "count": Tensor(torch, counts, 1, (), ()),
    }
    path = write(tmp_path / "net.pth", torch, state, [numbers, counts])
    arrays = torch_file.read(path)
    rows = numbers.numbers
    assert list(arrays) == list(state)
    np.testing.assert_array_equal(arrays["transposed"], rows.reshape(6, 5).T)
    np.testing.assert_array_equal(
        arrays["part"], rows[[[4, 6, 8], [14, 16, 18]]]
    )
    assert arrays["count"] == 6
    assert arrays["count"].dtype == np.int64


def test_array_that_reaches_out_of_its_numbers_is_refused(torch, tmp_path):
    numbers = Storage("1", np.zeros(30, np.float32))
    other = Storage("2", np.zeros(30, np.float32))
    for offset, shape, strides in (
        (0, (31,), (1,)),
        (25, (6,), (1,)),
        (0, (4,), (10,)),
        (0, (2,), (-1,)),
        (-1, (2,), (1,)),
    ):
        state = {
            "a": Tensor(torch, numbers, offset, shape, strides),
            "b": Tensor(torch, other, 0, (1,), (1,)),
        }
        path = write(tmp_path / "net.pth", torch, state, [numbers, other])
        with pytest.raises(ValueError, match=f"{path} is no file of arrays"):
            torch_file.read(path)


class Command:
    """Runs a command where a pickle of it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_what_a_file_wants_called_is_not_called(torch, tmp_path):
    trap = tmp_path / "trap"
    state = {"a": Command(trap)}
    path = write(tmp_path / "net.pth", torch, state, [])
    with pytest.raises(ValueError, match="it calls .*system"):
        torch_file.read(path)
    assert not trap.exists()


def test_other_and_cut_files_are_refused(torch, tmp_path):
    numbers = Storage("1", np.zeros(30, np.float32))
    other = Storage("2", np.zeros(3, np.float32))
    state = {
        "a": Tensor(torch, numbers, 0, (30,), (1,)),
        "b": Tensor(torch, other, 0, (3,), (1,)),
    }
    path = write(tmp_path / "net.pth", torch, state, [numbers, other])
    assert len(torch_file.read(path)) == 2
    intact = path.read_bytes()
    for length in range(0, len(intact), 9):
        path.write_bytes(intact[:length])
        with pytest.raises(ValueError, match="no file of arrays"):
            torch_file.read(path)
    write(path, torch, state, [numbers, other], magic=1)
    with pytest.raises(ValueError, match="none that `torch.save` wrote"):
        torch_file.read(path)
    write(path, torch, {"a": 3}, [])
    with pytest.raises(ValueError, match="other than arrays"):
        torch_file.read(path)
