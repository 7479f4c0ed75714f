"""Arrays of a file as `torch.save` wrote them before PyTorch 1.6.

Such a file is a few pickles and the numbers behind them. A pickle is a program
for a small machine that may call whatever is importable; nothing of it is run
here. Its instructions are read as data, and those that a state of a network is
written with are carried out on plain values: what it would call becomes a
name, and two names are known.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import pathlib
import pickletools
from typing import Any
from typing import BinaryIO

import numpy as np

# What such a file begins with (`torch.serialization.MAGIC_NUMBER`).
_MAGIC = 0x1950A86A20F9469CFC6C

_DTYPES: dict[str, np.dtype[Any]] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}


@dataclasses.dataclass(frozen=True)
class _Name:
    """What a pickle wants imported; it is not."""

    text: str


@dataclasses.dataclass(frozen=True)
class _Storage:
    """Numbers in a row, of which an array may take some."""

    key: str
    dtype: np.dtype[Any]


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """An array by its place in a storage; units are numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a network's state, by name.

    Args:
        path: Of the file.

    Raises:
        ValueError: If the file is damaged, or holds anything else.
    """
    try:
        with open(path, "rb") as file:
            magic, _, _, state, keys = (_unpickle(file) for _ in range(5))
            if magic != _MAGIC:
                raise ValueError("it is none that `torch.save` wrote")
            tensors = {name: _check(value) for name, value in state.items()}
            dtypes = {
                tensor.storage.key: tensor.storage.dtype
                for tensor in tensors.values()
            }
            # One after the other, each with its length in numbers before it.
            numbers = {}
            for key in keys:
                length = int.from_bytes(file.read(8), "little")
                numbers[key] = file.read(length * dtypes[key].itemsize)
        return {
            name: _to_array(tensor, numbers[tensor.storage.key])
            for name, tensor in tensors.items()
        }
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no file of arrays: {error!r}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no file of arrays: {error}") from error


def _check(value: Any) -> _Tensor:
    if not isinstance(value, _Tensor):
        raise ValueError("it holds something other than arrays")
    return value


def _to_array(tensor: _Tensor, numbers: bytes) -> np.ndarray:
    dtype = tensor.storage.dtype
    if not numbers:
        raise ValueError("it ends too early")
    # NumPy raises where an array would reach out of the bytes, if there are any
    # (NumPy 2.4 takes none for any number of them).
    return np.ndarray(
        tensor.shape,
        dtype,
        buffer=numbers,
        offset=tensor.offset * dtype.itemsize,
        strides=[stride * dtype.itemsize for stride in tensor.strides],
    ).copy()


def _unpickle(file: BinaryIO) -> Any:
    """Returns what the next pickle of a file stands for."""
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(file):
        machine.step(opcode.name, argument)
    [value] = machine.stack
    return value


class _Machine:
    """The stack of a pickle, with the instructions that make plain values."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Carries out one instruction.

        Raises:
            ValueError: If it is not known.
        """
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _VALUES:
            self.stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self._memo[argument])
        elif name == "GLOBAL":
            self.stack.append(_Name(argument))
        elif name == "MARK":
            self._marks.append(len(self.stack))
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name not in ("PROTO", "STOP"):
            raise ValueError(f"it has an instruction {name}")

    def take(self, count: int | None = None) -> list[Any]:
        """Removes the last values, or all behind the last mark."""
        start = self._marks.pop() if count is None else len(self.stack) - count
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def set_items(self, count: int | None = None) -> None:
        """Puts keys and values into the dictionary before them."""
        values = self.take(count)
        self.stack[-1].update(zip(values[::2], values[1::2]))

    def append_items(self) -> None:
        """Adds values to the list before them."""
        values = self.take()
        self.stack[-1].extend(values)

    def call(self) -> None:
        """What a pickle would do with a function; two are known."""
        function, arguments = self.take(2)
        if function == _Name("collections OrderedDict") and not arguments:
            self.stack.append({})
        elif function == _Name("torch._utils _rebuild_tensor_v2"):
            self.stack.append(_Tensor(*arguments[:4]))
        else:
            raise ValueError(f"it calls {function}")

    def find_storage(self) -> None:
        """Makes a storage of its description."""
        [(kind, storage_type, key, *_)] = self.take(1)
        if kind != "storage":
            raise ValueError(f"it refers to {kind}")
        self.stack.append(_Storage(key, _DTYPES[storage_type.text]))


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NEWFALSE": lambda: False,
    "NEWTRUE": lambda: True,
    "NONE": lambda: None,
}
_VALUES = ("BININT", "BININT1", "BININT2", "BINUNICODE", "LONG1")
_ACTIONS: dict[str, Callable[[_Machine], Any]] = {
    "APPENDS": _Machine.append_items,
    "BINPERSID": _Machine.find_storage,
    # Attributes of a dictionary, which no array is among.
    "BUILD": lambda machine: machine.take(1),
    "REDUCE": _Machine.call,
    "SETITEM": lambda machine: machine.set_items(2),
    "SETITEMS": _Machine.set_items,
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.take())),
    "TUPLE1": lambda machine: machine.stack.append(tuple(machine.take(1))),
    "TUPLE2": lambda machine: machine.stack.append(tuple(machine.take(2))),
}
