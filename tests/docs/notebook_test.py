"""The lesson's notebook runs from its first cell to its last."""

import json

import pytest

from tests.helpers import pages
from tests.helpers import warm_python

_NOTEBOOK = json.loads(pages.read("docs/lesson.ipynb"))
_CELLS = [
    "".join(cell["source"])
    for cell in _NOTEBOOK["cells"]
    if cell["cell_type"] == "code"
]
# What its reader may change, too.
_SMALLER = {"EPOCHS = 5": "EPOCHS = 1", "(256, 256)": "(64, 64)"}


def test_notebook_has_no_outputs():
    for cell in _NOTEBOOK["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
@warm_python.needs_fork
def test_notebook_runs(clone):
    code = "\n".join(_CELLS)
    for line, smaller in _SMALLER.items():
        assert line in code
        code = code.replace(line, smaller)
    clone.run_python("import matplotlib\nmatplotlib.use('agg')\n" + code)
