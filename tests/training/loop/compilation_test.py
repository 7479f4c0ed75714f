"""What of a step XLA compiles changes the speed and nothing else."""

import os
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf

import pipeline
from tests.helpers import loop_runs
from training import config as config_lib
from training.loop import compilation


def choose(augment=loop_runs.AUGMENT, **fields):
    return compilation.choose(config_lib.TrainConfig(**fields), augment)


def pretend(gpus, monkeypatch):
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: [kind] * gpus
    )


@pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")),
    reason="earlier tests have made operations deterministic, for good",
)
@pytest.mark.slow
def test_compiling_more_or_less_trains_the_same(tmp_path, monkeypatch):
    models = []
    for compiled in (False, True):
        chosen = compilation.Compilation(training=compiled, images=compiled)
        monkeypatch.setattr(
            compilation, "choose", lambda *_, chosen=chosen: chosen
        )
        result = loop_runs.run(
            tmp_path / str(compiled),
            augment=loop_runs.AUGMENT,
            augment_on="device",
            cache_on="device",
            epochs=1,
        )
        models.append(result.model)
    assert loop_runs.max_difference(*models) < 1e-5


@pytest.mark.parametrize("deterministic", [False, True])
def test_gpus_train_deterministically_without_xla(deterministic, monkeypatch):
    pretend(1, monkeypatch)
    assert choose(deterministic=deterministic).training != deterministic
    assert choose(deterministic=deterministic).evaluation


@pytest.mark.parametrize("onednn", [0, 1])
def test_xla_trains_on_cpus_without_onednn(onednn):
    """As TensorFlow says itself whether it uses it, when it starts."""
    code = (
        "from tests.training.loop import compilation_test\n"
        "print(compilation_test.choose())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {
            "TF_ENABLE_ONEDNN_OPTS": str(onednn),
            "TF_CPP_MIN_LOG_LEVEL": "0",
            "CUDA_VISIBLE_DEVICES": "",
        },
        cwd=pathlib.Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Compilation(training={not onednn}" in done.stdout
    assert ("oneDNN custom operations are on" in done.stderr) == bool(onednn)


def test_what_is_asked_for_is_compiled():
    for asked in (False, True):
        found = choose(jit_compile=asked)
        assert found.training == asked
        assert found.evaluation == asked


@pytest.mark.parametrize(
    "fields",
    [
        {"fill_mode": "constant"},
        {"fill_mode": "wrap"},
        {"interpolation_order": 0},
        {"brightness_range": (0.8, 1.2)},
        {"preprocessing_function": tf.identity},
    ],
    ids="-".join,
)
def test_xla_never_decides_about_a_pixel(fields, monkeypatch):
    pretend(1, monkeypatch)
    assert choose().images
    assert not choose(pipeline.AugmentConfig(**fields)).images


def test_tensorflow_still_says_whether_it_uses_onednn():
    """If not, `compilation._has_onednn` guesses: find its new name."""
    from tensorflow.python.util import _pywrap_util_port

    assert isinstance(_pywrap_util_port.IsMklEnabled(), bool)


@pytest.mark.parametrize("variable, expected", [(None, True), ("0", False)])
def test_run_begins_where_tensorflow_does_not_say(
    variable, expected, monkeypatch
):
    from tensorflow.python import util

    name = "_pywrap_util_port"
    monkeypatch.setitem(sys.modules, f"tensorflow.python.util.{name}", None)
    monkeypatch.delattr(util, name, raising=False)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if variable is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", variable)
    pretend(0, monkeypatch)
    assert choose().training != expected
