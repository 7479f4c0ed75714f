"""Configuration of Sphinx, which makes the site from the pages.

Sphinx with Furo and MyST, not MkDocs with Material: Material is declared
inactive and MkDocs 1 had its last release in 2024. What Furo serves loads
nothing from a network, and its search works on files, without a server.
"""

from __future__ import annotations

import os
import pathlib
import re
import sys
from typing import Any

# Before TensorFlow is imported: no start-up chatter.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_DOCS = pathlib.Path(__file__).parent
_ROOT = _DOCS.parent
# The programs and packages that pages are generated from; `generated` itself.
sys.path[:0] = [str(_ROOT), str(_DOCS)]

import generated  # noqa: E402

project = "xray-tfds"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["**/.ipynb_checkpoints"]

html_theme = "furo"
html_title = "xray-tfds"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fa8"},
    "dark_css_variables": {"color-brand-primary": "#7fb4ee"},
}

myst_enable_extensions = ["deflist"]
# Anchors as GitHub makes them, which links between the pages use.
myst_heading_anchors = 4

# Two hyphens begin an option.
smartquotes = False

# Docstrings have `names` in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 72
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False

_NOT_RUN = re.compile(r"^```(\w+) not run: (.+)$", re.M)


def _read_page(app: Any, name: str, source: list[str]) -> None:
    """Fills in what is generated, and shows what the tests do not run."""
    del app
    text = generated.fill(source[0])
    source[0] = _NOT_RUN.sub(
        r"```{code-block} \1\n:caption: Not run by the tests: \2\n", text
    )


def _read_docstring(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Makes the little Markdown of docstrings what Sphinx reads."""
    del app, what, name, obj, options
    given = [*lines, "", ""]
    lines.clear()
    for line, blank, following in zip(given, given[1:], given[2:]):
        # A pattern of file names, not emphasis.
        lines.append(line.replace(" *_", r" \*_"))
        if line and not blank and _indent(following) > _indent(line):
            # An example of code.
            lines += ["", "::"]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def setup(app: Any) -> None:
    """Connects the above to Sphinx."""
    app.connect("source-read", _read_page)
    # Before Napoleon, whose priority is 500.
    app.connect("autodoc-process-docstring", _read_docstring, priority=400)
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(_make_notebook_parser())


def _make_notebook_parser() -> type:
    from myst_parser.parsers import sphinx_

    class NotebookParser(sphinx_.MystParser):
        """Shows the cells of a notebook, which has no outputs, as a page."""

        supported = ("notebook",)

        def parse(self, inputstring: str, document: Any) -> None:
            super().parse(generated.notebook_page(inputstring), document)

    return NotebookParser
