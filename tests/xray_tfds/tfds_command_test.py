"""What the `tfds` command shows when it fails, and what it keeps."""

import ast
import inspect
import json
import pathlib
import re
import subprocess
import sys
import types

import pytest
import tensorflow_datasets as tfds

from tests.helpers import image_trees
import xray_tfds
from xray_tfds import tfds_command

_BUILD = "tensorflow_datasets.scripts.cli.build"


def _make_builder(builder_cls, overwrite, fail_if_exists, **kwargs):
    """As in TFDS."""
    return builder_cls, overwrite


@pytest.fixture
def shown(monkeypatch):
    """Errors that are shown as before, once the command has begun."""
    shown: list = []
    build = types.SimpleNamespace(_make_builder=_make_builder)
    monkeypatch.setitem(sys.modules, _BUILD, build)
    monkeypatch.setattr(sys, "excepthook", lambda *args: shown.append(args))
    tfds_command.amend(xray_tfds.Builder)
    return shown


def fail(function, *args, **kwargs):
    """Does what Python does with an error that nobody catches."""
    try:
        function(*args, **kwargs)
    except Exception:
        sys.excepthook(*sys.exc_info())


@pytest.mark.parametrize(
    "options, words",
    [
        ({"on_bad": "ask"}, "`on_bad` must be one of quarantine, error."),
        (
            {"on_bed": "error"},
            r"argument 'on_bed'\.( Did you mean 'on_bad'\?)? The options are",
        ),
    ],
)
def test_wrong_options_are_told_in_words(options, words, shown, capsys):
    fail(xray_tfds.XrayConfig, **options)
    error = capsys.readouterr().err
    assert re.match(f"tfds build: .*{words}", error)
    assert not shown


def test_errors_of_others_keep_their_trace(shown, capsys):
    fail(int, "no number")
    fail({}.popitem)
    assert [kind for kind, _, _ in shown] == [ValueError, KeyError]
    assert capsys.readouterr().err == ""


def test_tfds_has_what_is_amended():
    """The functions are not public: a TFDS without them needs new code."""
    source = inspect.getsource(tfds.core.DatasetBuilder.download_and_prepare)
    assert "self._download_and_prepare(" in source
    folder = pathlib.Path(tfds.__file__).parent
    tree = ast.parse((folder / "scripts/cli/build.py").read_text())
    (make,) = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "_make_builder"
    )
    names = [argument.arg for argument in make.args.args]
    assert names == ["builder_cls", "overwrite", "fail_if_exists"]
    (call,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "functools.partial"
        and ast.unparse(node.args[0]) == "_make_builder"
    )
    assert {k.arg for k in call.keywords} >= {"overwrite", "fail_if_exists"}


@pytest.mark.parametrize("make", [None, lambda builder_cls: None])
def test_tfds_without_what_is_amended_is_refused_in_words(make, monkeypatch):
    build = types.SimpleNamespace()
    if make:
        build._make_builder = make
    monkeypatch.setitem(sys.modules, _BUILD, build)
    with pytest.raises(ImportError, match="would delete old records.*4.9.11"):
        tfds_command.amend(xray_tfds.Builder)


def test_only_our_records_are_kept_from_deletion(shown):
    make = sys.modules[_BUILD]._make_builder
    arguments = {"overwrite": True, "fail_if_exists": False}
    assert make(xray_tfds.Builder, **arguments) == (xray_tfds.Builder, False)
    assert make(dict, **arguments) == (dict, True)


def test_tfds_that_skips_the_manifest_is_refused(tmp_path, monkeypatch):
    images = image_trees.write_flat_tree(tmp_path / "images")
    monkeypatch.setattr(
        xray_tfds.Builder,
        "_download_and_prepare",
        tfds.core.GeneratorBasedBuilder._download_and_prepare,
    )
    with pytest.raises(RuntimeError, match="list of files was not written"):
        xray_tfds.prepare(images, tmp_path / "data", image_size=(32, 32))


def test_other_programs_are_left_as_they_are():
    assert _BUILD not in sys.modules
    before = sys.excepthook
    tfds_command.amend(xray_tfds.Builder)
    assert sys.excepthook is before


def run_tfds(images, data_dir, *flags):
    return subprocess.run(
        [
            str(pathlib.Path(sys.executable).with_name("tfds")),
            *("build", "xray_tfds", f"--manual_dir={images}"),
            *(f"--data_dir={data_dir}", *flags),
        ],
        cwd=pathlib.Path(xray_tfds.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
    )


def read_splits(builder):
    """Returns the split of each patient."""
    path = pathlib.Path(builder.data_dir) / "build_report" / "splits.json"
    return json.loads(path.read_text())["patients"]


@pytest.mark.slow
def test_command_ends_with_what_is_wrong_with_the_folder(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=4)
    (images / "normal" / "empty.png").write_bytes(b"")
    done = run_tfds(images, tmp_path / "data")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "more than max_bad_fraction=0.05:\n" in done.stderr
    assert "empty.png: empty: the file has no bytes" in done.stderr


@pytest.mark.slow
def test_command_overwrites_records_once_the_new_ones_are_complete(tmp_path):
    """TFDS's command would delete them first, and all that they tell."""
    images = image_trees.write_flat_tree(tmp_path / "images")
    builder = xray_tfds.Builder(data_dir=tmp_path / "data")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=images)
    )
    before = read_splits(builder)
    image_trees.write_flat_tree(images, per_class=15, seed=7)
    done = run_tfds(images, tmp_path / "data", "--overwrite")
    assert done.returncode == 0, done.stderr
    after = read_splits(builder)
    assert len(after) > len(before)
    assert before.items() <= after.items()
    for name in ("a.png", "b.png", "c.png"):
        (images / "normal" / name).write_bytes(b"")
    assert run_tfds(images, tmp_path / "data", "--overwrite").returncode == 1
    assert read_splits(builder) == after
    done = run_tfds(images, tmp_path / "data", "--fail_if_exists")
    assert "the data already exists" in done.stderr
    assert xray_tfds.Builder(data_dir=tmp_path / "data").is_prepared()
