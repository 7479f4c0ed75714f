"""The messages that the page explains are those that programs print."""

import ast
import re

import pytest

from tests.helpers import pages
from tests.helpers import processes

_PACKAGES = (
    *("disk", "evaluation", "inference", "migration", "pipeline", "training"),
    "xray_tfds",
)
_HEADINGS = re.findall(
    r"^### `+ ?(.+?) ?`+$", pages.read("docs/troubleshooting.md"), re.M
)


@pytest.fixture(scope="module")
def texts():
    """All text of the sources, with … for what is filled in."""
    found = set()
    for package in _PACKAGES:
        for path in (processes.ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant):
                    found.add(str(node.value))
                elif isinstance(node, ast.JoinedStr):
                    parts = [
                        part.value if isinstance(part, ast.Constant) else "…"
                        for part in node.values
                    ]
                    found.add("".join(parts))
    return found


def test_page_explains_messages():
    assert len(_HEADINGS) > 30
    assert len(set(_HEADINGS)) == len(_HEADINGS)


@pytest.mark.parametrize("message", _HEADINGS)
def test_message_is_one_of_the_programs(message, texts):
    parts = [re.escape(p) for p in message.split("…") if p.strip()]
    pattern = re.compile(".*".join(parts), re.S)
    assert any(pattern.search(text) for text in texts)
