"""What `tfds build` says of a `--config` that is none, and how it says it."""

import io
import json
import sys
import types

import pytest
import tensorflow_datasets as tfds

import xray_tfds
from xray_tfds import tfds_command
from xray_tfds.records import storage

_EXAMPLE = """such as --config='{"image_size": [128, 128]}'"""


def _show(function, *args):
    """Shows what a function raises, as the command does; returns the others."""
    others: list = []
    with pytest.raises(Exception) as info:
        function(*args)
    error = info.value
    tfds_command._show(
        lambda *args: others.append(args), type(error), error, info.tb
    )
    return others


def _loads_in(module):
    """Returns a function that reads JSON in a module of a name."""
    names = {"__name__": module, "json": json}
    exec("def loads(text): return json.loads(text)", names)
    return names["loads"]


def test_config_that_is_no_json_is_told_in_words(capsys):
    text = '{"image_size": [32, 24}'
    assert not _show(_loads_in(tfds_command._BUILD), text)
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("tfds build: ") and _EXAMPLE in told
    assert f"Received: {text} (" in told and "column 23" in told


def test_json_of_others_keeps_its_trace(capsys):
    assert len(_show(_loads_in("tensorflow_datasets.core"), "{")) == 1
    assert not capsys.readouterr().err


def test_output_that_nobody_reads_is_not_taken_for_a_full_disk(capsys):
    def build():
        with storage.reporting_errors("data"):
            raise BrokenPipeError(32, "Broken pipe")

    assert not _show(build)
    assert "nobody reads its output" in capsys.readouterr().err


@pytest.mark.parametrize("config", ["nope", "[1]", "image_size=128"])
def test_config_of_no_known_name_is_told_in_words(config, capsys):
    def build():
        tfds_command._keep(
            lambda builder_cls, overwrite, config: builder_cls(config=config),
            xray_tfds.Builder,
            xray_tfds.Builder,
            overwrite=False,
            config=config,
        )

    assert not _show(build)
    told = capsys.readouterr().err
    assert _EXAMPLE in told and f"Received: config={config}\n" in told


def test_name_that_the_screen_cannot_show_is_spelt_out(monkeypatch):
    build = types.SimpleNamespace(
        _make_builder=lambda builder_cls, overwrite: None,
        _download_and_prepare=None,
    )
    monkeypatch.setitem(sys.modules, tfds_command._BUILD, build)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    screen = io.BytesIO()
    text = io.TextIOWrapper(screen, encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", text)
    tfds_command.amend(tfds.core.GeneratorBasedBuilder)
    print("\u5f71.png")
    assert screen.getvalue() == b"\\u5f71.png\n"
