"""Files of a report that somebody has edited: words, never a trace."""

import json

from etils import epath
import pytest

from tests.helpers import report_inputs
from xray_tfds.report import reading
from xray_tfds.report import shapes


def _read(folder, name, content):
    (folder / name).write_text(json.dumps(content))
    shape = shapes.AUDIT if name == reading.AUDIT_FILE else shapes.FACTS
    return reading.read_json(epath.Path(folder) / name, shape)


def _edits(content):
    """Yields copies in which one value is of a kind that nobody writes."""
    if isinstance(content, dict):
        for name, value in content.items():
            for edited in _edits(value):
                yield {**content, name: edited}
    elif isinstance(content, list) and content:
        for edited in _edits(content[0]):
            yield [edited, *content[1:]]
    # A list is in no place an object, an object in none a text or number.
    yield [[1]] if isinstance(content, dict) else {"a": 1}


def test_no_value_of_another_kind_is_taken_for_facts(tmp_path):
    facts = {
        **report_inputs.make_facts(),
        "duplicates": [
            {
                "kind": "bytes",
                "conflict": False,
                "members": [report_inputs.make_member("a.png")],
            }
        ],
    }
    assert _read(tmp_path, reading.FACTS_FILE, facts) == facts
    # Of these the page shows whatever there is.
    for name in ("options", "versions"):
        del facts[name]
    del facts["splits"]["kept_patients"]
    edits = list(_edits(facts))
    assert len(edits) > 20
    for edited in edits:
        with pytest.raises(reading.ReportError, match="facts.json.*again"):
            _read(tmp_path, reading.FACTS_FILE, edited)


@pytest.mark.parametrize(
    "audit, words",
    [
        ({"parts": 5}, '"parts" must be a list'),
        ({"parts": [{"auc": "high"}]}, r'"parts\[0\].auc" must be a number'),
        ({"flag_above": "x"}, '"flag_above" must be a number'),
        ({"summary": 5}, '"summary" must be a list'),
    ],
)
def test_edited_audit_is_named_with_its_remedy(tmp_path, audit, words):
    remedy = "Audit again: python -m xray_tfds.audit"
    with pytest.raises(
        reading.ReportError, match=f"audit.json is damaged.*{words}.*{remedy}"
    ):
        _read(tmp_path, reading.AUDIT_FILE, audit)
