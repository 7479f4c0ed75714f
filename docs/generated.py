"""What pages show of the source, so that it is written in one place.

A page names it in a comment, which the site replaces:

    <!-- options of train.py -->
    <!-- options of XrayConfig -->
    <!-- exit statuses -->
    <!-- reference of pipeline -->
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import importlib
import inspect
import json
import pathlib
import re
from typing import Any

_DOCS = pathlib.Path(__file__).parent
_MARK = re.compile(
    r"^<!-- (options|exit statuses|reference)(?: of ([\w.]+))? -->$", re.M
)
# Program -> module and class of its options.
PROGRAMS = {
    "evaluate.py": ("inference.config", "EvaluateConfig"),
    "predict.py": ("inference.predict_config", "PredictConfig"),
    "export.py": ("inference.exports.config", "ExportConfig"),
    "serve.py": ("inference.serving.config", "ServeConfig"),
}


def fill(text: str) -> str:
    """Returns the text of a page with what its comments name."""

    def make(match: re.Match[str]) -> str:
        kind, of = match.groups()
        if kind == "exit statuses":
            return exit_statuses()
        if kind == "reference":
            return reference(of)
        if of == "XrayConfig":
            return dataset_options()
        return program_options(of)

    return _MARK.sub(make, text)


def groups_of(program: str) -> Mapping[str, Iterable[Any]]:
    """Returns the options of a program by their headings."""
    from training.config import options

    if program == "train.py":
        return options.GROUPS
    module, name = PROGRAMS[program]
    config = getattr(importlib.import_module(module), name)
    return options.grouped(options.flags_of(config))


def program_options(program: str) -> str:
    """Returns the options of a program as Markdown."""
    lines = []
    for title, group in groups_of(program).items():
        lines += [f"### {title}", ""]
        for option in group:
            usage = f"`--{option.name}`"
            if option.kind == "boolean":
                usage = f"`--[no]{option.name}`"
            text = option.help
            if option.choices:
                text += f" One of {', '.join(option.choices)}."
            if option.default is not None:
                text += f" Default: {str(option.default).lower()}."
            lines += _definition(usage, text)
    return "\n".join(lines)


def dataset_options() -> str:
    """Returns the fields of `XrayConfig` as Markdown."""
    from xray_tfds import config

    attributes = inspect.getdoc(config.XrayConfig).partition("Attributes:")[2]
    texts = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", attributes, re.M)
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(config.XrayConfig)
    }
    lines = []
    for name, text in texts:
        if name != "name":
            written = json.dumps(defaults[name])
            lines += _definition(
                f"`{name}`", f"{' '.join(text.split())} Default: `{written}`."
            )
    return "\n".join(lines)


def exit_statuses() -> str:
    """Returns the table of `training.errors`."""
    from training import errors

    table = inspect.getdoc(errors).partition("\n\n")[2]
    return re.sub(r"\n +", " ", table).replace("| | |\n", "|  |  |\n")


def reference(package: str) -> str:
    """Returns what `api.md` lists of a package, from its docstrings."""
    lines = ["```{eval-rst}"]
    for module, name in public_names(package):
        value = getattr(importlib.import_module(module), name)
        if inspect.ismodule(value):
            continue
        kind = "data"
        if inspect.isclass(value):
            kind = "class"
        elif callable(value):
            kind = "function"
        lines += [f".. auto{kind}:: {module}.{name}", ""]
    return "\n".join([*lines, "```"])


def public_names(package: str) -> list[tuple[str, str]]:
    """Returns module and name of all that `api.md` lists of a package."""
    text = (_DOCS / "api.md").read_text(encoding="utf-8")
    section = text.partition(f"## `{package}`")[2].partition("\n## ")[0]
    cells = " ".join(re.findall(r"^\| (`.*?) \|", section, re.M))
    names = []
    for path in re.findall(r"`([\w.]+)", cells):
        module, _, name = f"{package}.{path}".rpartition(".")
        names.append((module, name))
    return names


def notebook_page(text: str) -> str:
    """Returns the cells of a notebook as Markdown."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            source = f"```python\n{source}\n```"
        parts.append(source)
    return "\n\n".join(parts)


def _definition(term: str, text: str) -> list[str]:
    # Markdown would take the signs of patterns for its own.
    text = re.sub(r"([*<>_|])", r"\\\1", text) if "`" not in text else text
    return [term, f":   {text}", ""]
