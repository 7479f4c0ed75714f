"""Files of named arrays, as users bring them."""

import numpy as np
import pytest


def save(path, arrays):
    """Writes `.npz` or `.safetensors`, by the suffix; returns the path."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        pytest.importorskip("safetensors.numpy").save_file(arrays, path)
    return path
