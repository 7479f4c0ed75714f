"""Links between pages lead somewhere, and pages load nothing from elsewhere."""

import re

import pytest

from tests.helpers import pages
from tests.helpers import processes

_LINK = re.compile(r"(!?)\[[^][]*\]\(([^()\s]+)\)")


@pytest.mark.parametrize("page", [*pages.paths(), "CHANGELOG.md"])
def test_links_lead_to_files_and_headings(page):
    text = pages.without_code(pages.read(page))
    here = (processes.ROOT / page).parent
    for is_image, target in _LINK.findall(text):
        if target.startswith(("https://", "http://127.0.0.1")):
            assert not is_image, f"{target} would be loaded from a network"
            continue
        path, _, anchor = target.partition("#")
        file = (here / path).resolve() if path else processes.ROOT / page
        assert file.is_file(), target
        if anchor:
            assert anchor in pages.headings(file.read_text()), target


def test_every_page_is_in_the_contents():
    listed = set(re.findall(r"^([\w/]+)$", pages.read("docs/index.md"), re.M))
    pages_of_site = {
        page.removeprefix("docs/").removesuffix(".md")
        for page in pages.paths()
        if page.startswith("docs/")
    }
    assert pages_of_site - {"index"} == listed - {"lesson"}


def test_pictures_are_small():
    for path in pages.DOCS.rglob("*.png"):
        assert path.stat().st_size < 300_000, path


def test_readme_is_one_screen():
    assert len(pages.read("README.md").splitlines()) <= 100
