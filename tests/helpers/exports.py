"""Exports of runs, and exports that someone has changed."""

import json

import pytest

from inference.exports import config as config_lib
from inference.exports import exporting
from inference.exports import manifest as manifest_lib

FORMATS = manifest_lib.FORMATS

_MODULES = {"onnx": ("tf2onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}


def skip_without(format_name):
    for module in _MODULES.get(format_name, ()):
        pytest.importorskip(module)


def export(root, out, format_name):
    workdir = (str(root / "run"),)
    config = config_lib.ExportConfig(workdir=workdir, format=format_name)
    exporting.export(config, out)
    return out


def rewrite(directory, change=None):
    """Gives a changed export a manifest that fits, as an attacker would."""
    path = directory / manifest_lib.FILE
    content = json.loads(path.read_text())
    content["files"] = manifest_lib.digests(directory)
    if change is not None:
        change(content)
    path.write_text(json.dumps(content))
