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
from tests.helpers import warm_python
import xray_tfds
from xray_tfds import tfds_command

_BUILD = "tensorflow_datasets.scripts.cli.build"


def _make_builder(builder_cls, overwrite, fail_if_exists, **kwargs):
    """As in TFDS."""
    if builder_cls is xray_tfds.Builder:
        assert not overwrite
        return builder_cls(**kwargs)
    return builder_cls, overwrite


def _prepare(args, builder):
    """As in TFDS."""
    manual_dir = args.paths.manual_dir
    if args.paths.add_name_to_manual_dir:
        manual_dir /= builder.name
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=config)
    print(repr(builder.info))


@pytest.fixture
def shown(monkeypatch):
    """Errors that are shown as before, once the command has begun."""
    shown: list = []
    build = types.SimpleNamespace(
        _make_builder=_make_builder, _download_and_prepare=_prepare
    )
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


@pytest.mark.parametrize(
    "table, words",
    [
        (b"filename;patient\na.png;1\n", "separated by semicolons"),
        (b"filename,patient\na\xff.png,1\n", "must be UTF-8"),
    ],
)
def test_wrong_tables_are_told_in_words(table, words, shown, capsys, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(table)
    fail(xray_tfds.XrayConfig, patients_csv=str(path))
    assert re.match(f"tfds build: .*{words}", capsys.readouterr().err)
    assert not shown


def test_errors_of_others_keep_their_trace(shown, capsys):
    fail(int, "no number")
    fail({}.popitem)
    assert [kind for kind, _, _ in shown] == [ValueError, KeyError]
    assert capsys.readouterr().err == ""


def test_tfds_has_what_is_amended():
    """The functions are not public: a TFDS without them needs new code."""
    source = inspect.getsource(tfds.core.DatasetBuilder.download_and_prepare)
    assert "dirname=self.data_dir" in source
    assert "self._log_download_bytes()" in source
    assert "self._log_download_done()" in source
    folder = pathlib.Path(tfds.__file__).parent
    tree = ast.parse((folder / "scripts/cli/build.py").read_text())
    (make,) = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "_make_builder"
    )
    names = [argument.arg for argument in make.args.args]
    assert names == ["builder_cls", "overwrite", "fail_if_exists"]
    assert any(
        isinstance(node, ast.FunctionDef)
        and node.name == "_download_and_prepare"
        and [argument.arg for argument in node.args.args] == ["args", "builder"]
        for node in tree.body
    )
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
    assert make(dict, **arguments) == (dict, True)


def test_command_prints_of_our_dataset_a_line(shown, prepared):
    make = sys.modules[_BUILD]._make_builder
    builder = make(
        xray_tfds.Builder,
        overwrite=True,
        fail_if_exists=False,
        data_dir=pathlib.Path(prepared).parents[2],
        config=xray_tfds.XrayConfig(image_size=(32, 32)),
    )
    assert repr(builder.info) == (
        "xray_tfds/grayscale_32x32_bilinear/1.0.0: "
        "41 for train, 17 for validation, 12 for test"
    )


def _build(images, data_dir, add_name=False, **options):
    """Builds as the command does."""
    build = sys.modules[_BUILD]
    flags = {"overwrite": False, "fail_if_exists": False}
    args = types.SimpleNamespace(
        paths=types.SimpleNamespace(
            manual_dir=images, add_name_to_manual_dir=add_name
        ),
        debug=types.SimpleNamespace(**flags),
    )
    builder = build._make_builder(
        xray_tfds.Builder,
        **flags,
        data_dir=data_dir,
        file_format="array_record",
        config=xray_tfds.XrayConfig(image_size=(32, 32), **options),
    )
    build._download_and_prepare(args, builder)


def test_command_finds_the_classes_of_the_folder(shown, tmp_path, capsys):
    names = [f"{c}/{i}.png" for c in ("virus", "b", "a") for i in range(6)]
    image_trees.write_images(tmp_path / "xray_tfds", names)
    _build(tmp_path, tmp_path / "data", add_name=True, class_names="auto")
    out = capsys.readouterr().out
    assert "3 classes, with their images: a (6), b (6), virus (6)." in out
    (info,) = (tmp_path / "data").rglob("dataset_info.json")
    builder = tfds.builder_from_directory(info.parent)
    assert builder.info.features["label"].names == ["a", "b", "virus"]
    assert builder.info.file_format.value == "array_record"
    # The one line that is printed of our dataset.
    assert re.search(r"^xray_tfds/\S+: \d+ for train", out, re.MULTILINE)
    with pytest.raises(ValueError, match="auto needs a folder.*--manual_dir"):
        _build(None, tmp_path / "data", class_names="auto")


def test_tfds_that_builds_elsewhere_is_refused(tmp_path, monkeypatch):
    images = image_trees.write_flat_tree(tmp_path / "images")
    monkeypatch.setattr(
        tfds.core.DatasetBuilder, "download_and_prepare", lambda *_, **__: None
    )
    with pytest.raises(RuntimeError, match="did not write the records where"):
        xray_tfds.prepare(images, tmp_path / "data", image_size=(32, 32))


def test_other_programs_are_left_as_they_are():
    assert _BUILD not in sys.modules
    before = sys.excepthook
    tfds_command.amend(xray_tfds.Builder)
    assert sys.excepthook is before


_ROOT = pathlib.Path(xray_tfds.__file__).parents[1]


def run_tfds(images, data_dir, *flags, cwd=_ROOT, **variables):
    command, environment = warm_python.find("tfds", fresh=bool(variables))
    return subprocess.run(
        [
            *(command, "build", "xray_tfds", f"--manual_dir={images}"),
            *(f"--data_dir={data_dir}", *flags),
        ],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=600,
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


@pytest.mark.slow
def test_installed_package_builds_outside_the_clone(tmp_path):
    """With what setup.cfg installs, and nothing else of the clone."""
    setup = ["egg_info", "--egg-base", tmp_path, "build", "-b", tmp_path / "b"]
    subprocess.run(
        [sys.executable, "-c", "import setuptools; setuptools.setup()", *setup],
        cwd=_ROOT,
        check=True,
        capture_output=True,
    )
    images = image_trees.write_flat_tree(tmp_path / "images")
    done = run_tfds(
        *(images, tmp_path / "data", "--imports=xray_tfds"),
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path / "b" / "lib"),
    )
    assert done.returncode == 0, done.stderr
    assert "Unknown size" not in done.stdout
    assert "DatasetInfo(" not in done.stdout
    assert f"from {images}\n" in done.stdout
    assert xray_tfds.Builder(data_dir=tmp_path / "data").is_prepared()
