"""Every command and block of code of the pages runs, as it is shown."""

import collections
import contextlib

import pytest

from tests.helpers import pages
from tests.helpers import warm_python

_PAGES = collections.OrderedDict(
    (page, run)
    for page in pages.paths()
    if (run := [b for b in pages.blocks(page) if not b.why_not_run])
)


@pytest.mark.slow
@warm_python.needs_fork
@pytest.mark.parametrize("page", _PAGES)
def test_page_runs_as_it_is_shown(page, clone):
    port = None
    with contextlib.ExitStack() as services:
        for block in _PAGES[page]:
            if block.info == "background":
                port = services.enter_context(clone.in_background(block.text))
            elif block.language == "sh":
                clone.run_shell(block.text, port)
        code = [b.text for b in _PAGES[page] if b.language == "python"]
        if code:
            clone.run_python("\n".join(code))
