"""What the documents say of the tree is so."""

import importlib
import pathlib
import re

import pytest

_ROOT = pathlib.Path(__file__).parents[1]
_PACKAGES = {
    "xray_tfds": ("xray_tfds", "xray_tfds.audit", "xray_tfds.report"),
    "pipeline": ("pipeline",),
    "migration": ("migration",),
    "training": (
        "training.config",
        "training.loop",
        "training.model",
        "training.callbacks",
    ),
}


def _section(heading):
    text = (_ROOT / "docs" / "api.md").read_text()
    return text.partition(f"## `{heading}`")[2].partition("\n## ")[0]


@pytest.mark.parametrize("heading", _PACKAGES)
def test_api_page_lists_what_packages_export(heading):
    exported = set()
    for name in _PACKAGES[heading]:
        below = name.removeprefix(heading).lstrip(".")
        prefix = f"{below}." if below else ""
        exported |= {
            prefix + member for member in importlib.import_module(name).__all__
        }
    first_cells = re.findall(r"^\| (`.*?) \|", _section(heading), re.M)
    listed = set(re.findall(r"`([\w.]+)", " ".join(first_cells)))
    assert listed == exported


@pytest.mark.parametrize("package", ["evaluation", "inference"])
def test_package_has_what_the_api_page_lists(package):
    first_cells = re.findall(r"^\| (`.*?) \|", _section(package), re.M)
    names = re.findall(r"`([\w.]+)\.(\w+)`", " ".join(first_cells))
    assert len(names) > 10
    for module, name in names:
        assert hasattr(importlib.import_module(f"{package}.{module}"), name)


@pytest.mark.parametrize(
    "page", ["docs/tree.md", "docs/design.md", "docs/performance.md"]
)
def test_files_that_a_page_names_exist(page):
    text = (_ROOT / page).read_text()
    top = "|".join(
        ["xray_tfds", "pages", "disk", "pipeline", "training", "evaluation"]
        + ["inference", "migration", "tests"]
    )
    named = re.findall(rf"`((?:{top}|benchmarks|docs)/[\w/.]+)`", text)
    assert named
    for name in named:
        assert (_ROOT / name).exists(), name
