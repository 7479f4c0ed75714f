"""What an evaluation says of its data before any figure."""

import json
import types

import pytest

from inference import description


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("report.json", [], "it must be an object"),
        ("report.json", {"counts": {"cells": 5}}, '"counts.cells" must be a'),
        ("facts.json", {"counts": [5]}, r'"counts\[0\]" must be an object'),
        ("facts.json", {"patients": {"rules": "x"}}, '"patients.rules" must'),
    ],
)
def test_edited_report_of_the_build_is_named(tmp_path, name, content, words):
    folder = tmp_path / "build_report"
    folder.mkdir()
    (folder / name).write_text(json.dumps(content))
    examples = types.SimpleNamespace(directory=str(tmp_path))
    with pytest.raises(ValueError, match=f"{name} is damaged: {words}.*report"):
        description.read_provenance(examples)
