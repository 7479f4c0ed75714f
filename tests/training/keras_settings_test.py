"""Runs that do not depend on a machine's settings of Keras."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from training import keras_settings
from training import model

ROOT = pathlib.Path(__file__).parents[2]
OTHERS = {
    "backend": "torch",
    "epsilon": 1e-3,
    "floatx": "float16",
    "image_data_format": "channels_first",
}
DEFAULTS = {
    "backend": "tensorflow",
    "epsilon": 1e-7,
    "floatx": "float32",
    "image_data_format": "channels_last",
}
VARIABLES = {
    "KERAS_BACKEND": "jax",
    # Keras takes it for a number.
    "KERAS_MAX_EPOCHS": "all",
    "TF_USE_LEGACY_KERAS": "1",
}
PROGRAM = """
import json, os, sys
from training import quiet_import
before = dict(os.environ)
quiet_import.import_tensorflow()
os.environ.pop("TF_CPP_MIN_LOG_LEVEL")
import tensorflow
assert tensorflow.keras.Model.__module__.startswith("keras.src.")
assert not {"matplotlib", "pandas", "sklearn"}.intersection(sys.modules)
import keras
from keras.src.backend import config
names = ("backend", "epsilon", "floatx", "image_data_format")
found = {name: getattr(keras.config, name)() for name in names}
kept = {name: os.environ.get(name) for name in before}
version = keras.__version__.split(".")[0]
print(json.dumps([found, kept == before, version, config.keras_home()]))
"""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


@pytest.mark.parametrize(
    "text, variables",
    [(json.dumps(OTHERS), VARIABLES), ("[1]", {}), ('{"floatx": "f"}', {})],
    ids=["others", "no_settings_at_all", "unknown"],
)
def test_import_gives_keras_its_defaults(text, variables, tmp_path):
    file = tmp_path / "keras.json"
    file.write_text(text)
    environ = {**os.environ, **variables, "PYTHONPATH": str(ROOT)}
    environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environ,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    # What it downloads goes where the user keeps it.
    found = [DEFAULTS, True, "3", str(tmp_path)]
    assert json.loads(result.stdout) == found
    # The user's settings stay what they are.
    assert file.read_text() == text
    assert os.listdir(tmp_path) == ["keras.json"]


def test_ignored_settings_are_named(monkeypatch, tmp_path):
    assert keras_settings.ignored() == []
    file = tmp_path / "keras.json"
    file.write_text(json.dumps(DEFAULTS))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert keras_settings.ignored() == []
    file.write_text(json.dumps(OTHERS))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    assert keras_settings.ignored() == [
        "KERAS_BACKEND=jax",
        "TF_USE_LEGACY_KERAS=1",
        *(f"{name}={value} in {file}" for name, value in OTHERS.items()),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"\xff", b"{", b"[" * 100_000]
)
def test_settings_that_cannot_be_read_are_named(content, tmp_path):
    file = tmp_path / "keras.json"
    file.write_bytes(content)
    assert keras_settings.ignored() == [f"{file}, which cannot be read"]


def test_settings_that_are_no_file_are_left_alone(monkeypatch, tmp_path):
    # Whoever opens a pipe waits for a writer.
    os.mkfifo(tmp_path / "keras.json")
    assert keras_settings.ignored() == []
    monkeypatch.setenv("KERAS_HOME", os.devnull)
    assert keras_settings.ignored() == []


@pytest.mark.parametrize(
    "name, value",
    [("floatx", "float16"), ("image_data_format", "channels_first")],
)
def test_network_is_refused_with_settings_that_change_it(name, value):
    change = getattr(keras.config, f"set_{name}")
    change(value)
    try:
        with pytest.raises(
            ValueError, match=rf"keras.config.set_{name}\(.*{name}={value}"
        ):
            model.build_model("lesson", (64, 64, 1), 2)
    finally:
        change(DEFAULTS[name])


def test_network_is_refused_on_another_backend(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="Set KERAS_BACKEND=.*backend=jax"):
        model.build_model("lesson", (64, 64, 1), 2)
