"""Who may import whom: the rules that keep the parts apart."""

import ast
import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[1]
_PACKAGES = (
    *("console", "disk", "evaluation", "inference", "migration", "pages"),
    *("pipeline", "training", "xray_tfds"),
)

# Package -> top-level modules it must not import.
_FORBIDDEN = {
    "xray_tfds": {"inference", "keras", "pipeline", "scipy", "training"},
    # The bridge between files and graph, for users of Keras's generator.
    "migration": {"evaluation", "inference", "scipy", "training"},
    "pipeline": {*_PACKAGES, "keras", "scipy"}
    - {"console", "disk", "pages", "pipeline"},
    "training": {"inference", "migration", "scipy", "xray_tfds"},
    "inference": {"migration", "scipy", "sklearn"},
    "evaluation": {*_PACKAGES, "keras", "tensorflow"}
    - {"disk", "evaluation", "pages"},
    "pages": {*_PACKAGES, "keras", "scipy", "tensorflow"} - {"pages"},
    "console": {*_PACKAGES, "keras", "scipy", "tensorflow"} - {"console"},
    "disk": {*_PACKAGES, "keras", "scipy", "tensorflow"} - {"disk"},
}

# Draws from a hidden state: no module may, not even seeded.
_STATEFUL = ("np.random.", "numpy.random.", "tf.random.", "tf.image.random")
_STATELESS = (
    "tf.random.experimental.stateless",
    "tf.random.fold_in",
    "tf.random.split",
    "tf.random.stateless",
)

# The seeded generator: of the sample, the bootstrap, and noise on films.
_SEEDED = (
    "np.random.default_rng",
    "np.random.Generator",
    "np.random.SeedSequence",
)
_MAY_DRAW = ("evaluation", "inference", "xray_tfds")


def _files(package):
    files = sorted((_ROOT / package).rglob("*.py"))
    assert files
    return files


def _imported(path):
    """Yields the dotted names that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _dotted_names(path):
    """Yields every attribute access that a file spells out, such as `a.b.c`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


@pytest.mark.parametrize("package", _PACKAGES)
def test_package_imports_only_what_it_may(package):
    for path in _files(package):
        tops = {name.split(".")[0] for name in _imported(path)}
        assert not tops & _FORBIDDEN[package], path
        assert "random" not in tops, path


@pytest.mark.parametrize("package", _PACKAGES)
def test_package_unpickles_nothing(package):
    """What it reads may lie in a folder that others write to."""
    for path in _files(package):
        tops = {name.split(".")[0] for name in _imported(path)}
        assert not tops & {"cloudpickle", "dill", "marshal", "pickle", "shelve"}


@pytest.mark.parametrize("package", _PACKAGES)
def test_package_reads_no_flags(package):
    for path in _files(package):
        assert "absl.flags" not in set(_imported(path)), path
        assert not any(
            name.startswith("sys.argv") for name in _dotted_names(path)
        )


@pytest.mark.parametrize("package", _PACKAGES)
def test_package_draws_from_no_hidden_state(package):
    for path in _files(package):
        for name in _dotted_names(path):
            if package in _MAY_DRAW and name.startswith(_SEEDED):
                continue
            if name.startswith(_STATEFUL):
                assert name.startswith(_STATELESS), (path, name)


def test_importing_pipeline_does_not_import_keras():
    # TensorFlow itself imports a part of Keras when it starts; what counts is
    # that `pipeline` adds nothing to it.
    program = (
        "import sys, tensorflow, tensorflow_datasets;"
        "before = {m for m in sys.modules if m.split('.')[0] == 'keras'};"
        "import pipeline;"
        # Each name loads its module, and only when it is used.
        "names = [getattr(pipeline, name) for name in pipeline.__all__];"
        "assert 'pipeline.streaming' in sys.modules;"
        "after = {m for m in sys.modules if m.split('.')[0] == 'keras'};"
        "print(sorted(after - before))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "[]"


def test_importing_pages_imports_neither_jinja_nor_matplotlib():
    program = (
        "import sys; from pages import charts, data_urls, html;"
        "print(sorted({'jinja2', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "[]"


def test_no_benchmark_hides_a_package():
    """A script's folder comes first in the path: its files hide packages."""
    found = {path.stem for path in (_ROOT / "benchmarks").glob("*.py")}
    assert len(found) > 10
    assert not found & {*_PACKAGES, *(p.stem for p in _ROOT.glob("*.py"))}
