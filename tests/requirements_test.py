"""What is imported is required: `pip install` gives all that a user needs."""

import ast
import configparser
import pathlib
import re
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[1]
_PACKAGES = (
    *("console", "disk", "evaluate", "evaluation", "export", "inference"),
    *("migration", "pages", "pipeline", "predict", "serve", "tests", "train"),
    *("training", "xray_tfds"),
)

# Imported -> what provides it, where that has another name.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "absl": "absl-py",
    "google": "protobuf",
    "sklearn": "scikit-learn",
}

# What only those need who ask for it, as BUILD.md says: imported -> extra.
_EXTRAS = {
    "ai_edge_litert": "litert",
    "array_record": "array_record",
    "fsspec": "s3",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "optuna": "sweep",
    "pandas": "dataframe",
    "pydicom": "dicom",
    "python_multipart": "serve",
    "safetensors": "safetensors",
    "sqlalchemy": "sweep",
    "starlette": "serve",
    "tf2onnx": "onnx",
    "uvicorn": "serve",
}


def _normal(name):
    return re.sub("[-_.]+", "-", name).lower()


def _required(section, option):
    """Names of the distributions in a list of requirements."""
    config = configparser.ConfigParser()
    config.read(_ROOT / "setup.cfg")
    lines = config[section][option].split("\n")
    return {_normal(re.split("[][<>=!;, ]", line)[0]) for line in lines if line}


def _imported(package):
    """Top-level names that others provide, of all files of a package."""
    path = _ROOT / package
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            tops = {name.split(".")[0] for name in names}
            yield from tops - {*_PACKAGES, "benchmarks", "docs"} - set(
                sys.stdlib_module_names
            )


@pytest.mark.parametrize("package", _PACKAGES)
def test_what_is_imported_is_required(package):
    always = _required("options", "install_requires")
    for name in set(_imported(package)):
        required = set(always)
        if package == "tests":
            required |= _required("options.extras_require", "test")
        elif name in _EXTRAS:
            required = _required("options.extras_require", _EXTRAS[name])
        assert _normal(_DISTRIBUTIONS.get(name, name)) in required


@pytest.mark.parametrize("extra", sorted({*_EXTRAS.values()}))
def test_tests_have_what_is_optional(extra):
    test = _required("options.extras_require", "test")
    assert _required("options.extras_require", extra) <= test
