"""Checkpoints with matching checksums that are none."""

import hashlib
import io
import json
import pathlib
import shutil

import numpy as np
import pytest

from training import errors
from training.checkpoint import store as store_lib
from training.checkpoint import validation
from training.workdir import format_version

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "run_without_format"


@pytest.fixture
def checkpoint(tmp_path):
    """Directory of a checkpoint in the middle of the second epoch."""
    shutil.copytree(GOLDEN / "checkpoints", tmp_path / "checkpoints")
    return tmp_path / "checkpoints" / "checkpoint-000002"


def newest(checkpoint):
    store = store_lib.CheckpointStore(checkpoint.parent)
    return store.newest(validation.check)


def sign(checkpoint):
    """Makes the checksums those of the files, whatever is in them."""
    lines = []
    for name in ("arrays.npz", "state.json"):
        digest = hashlib.sha256((checkpoint / name).read_bytes())
        lines.append(f"{digest.hexdigest()}  {name}\n")
    (checkpoint / "SHA256SUMS").write_text("".join(lines))


def test_checkpoint_as_it_was_written_is_whole(checkpoint):
    sign(checkpoint)
    found, damaged = newest(checkpoint)
    assert found.state["step"] == 2 and damaged == []


def pickled():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([{}], object))
    return buffer.getvalue()


def saved(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"no archive", pickled(), saved(), saved(a=["x"])],
    ids=["empty", "cut", "text", "pickle", "no-arrays", "strings"],
)
def test_arrays_that_are_none_are_damage(data, checkpoint):
    (checkpoint / "arrays.npz").write_bytes(data)
    sign(checkpoint)
    with pytest.raises(errors.StorageError, match="checkpoint-000002: it can"):
        newest(checkpoint)


WRONG = (None, True, -1, 1.5, "x", [], {}, [[]], [{}], float("inf"))


@pytest.mark.parametrize(
    "name, accepted",
    [
        ("settings", [{}]),
        ("data", ["x"]),
        ("epoch", []),
        # An epoch of which nothing is done needs no sums.
        ("step", []),
        ("seconds", [-1, 1.5]),
        ("selection", []),
        ("records", []),
    ],
)
def test_state_of_other_kinds_is_damage(name, accepted, checkpoint):
    whole = json.loads((checkpoint / "state.json").read_text())
    for value in WRONG:
        for state in (whole | {name: value}, [whole], "x", None):
            (checkpoint / "state.json").write_text(json.dumps(state))
            sign(checkpoint)
            if isinstance(state, dict) and value in accepted:
                assert newest(checkpoint)[0] is not None
                continue
            with pytest.raises(errors.StorageError, match="it cannot be read"):
                newest(checkpoint)
            aside = checkpoint.with_name(f"damaged-{checkpoint.name}")
            aside.rename(checkpoint)


@pytest.mark.parametrize("name", ["pass/totals", "pass/scored"])
@pytest.mark.parametrize(
    "array", [None, np.zeros(2), np.zeros((3, 3), np.float32), np.zeros(())]
)
def test_sums_of_other_kinds_are_damage(name, array, checkpoint):
    with np.load(checkpoint / "arrays.npz") as file:
        arrays = dict(file)
    del arrays[name]
    if array is not None:
        arrays[name] = array
    (checkpoint / "arrays.npz").write_bytes(saved(**arrays))
    sign(checkpoint)
    with pytest.raises(errors.StorageError, match=name):
        newest(checkpoint)


def test_checkpoint_of_a_newer_version_is_refused_and_stays(checkpoint):
    state = json.loads((checkpoint / "state.json").read_text())
    (checkpoint / "state.json").write_text(json.dumps(state | {"format": 2}))
    sign(checkpoint)
    with pytest.raises(format_version.NewerFormatError, match="reads up to 1"):
        newest(checkpoint)
    assert checkpoint.is_dir()
