"""The pages of the documentation, and the blocks of code in them."""

import dataclasses
import re

from tests.helpers import processes

DOCS = processes.ROOT / "docs"
# Languages of blocks that are run; others show what a program prints.
CODE = ("sh", "python")

_FENCE = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.M | re.S)
_NOT_RUN = "not run: "


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Attributes:
        page: Path of the page below the root of the repository.
        line: Where the block begins.
        language: Such as "sh".
        info: What stands behind the language; "background" for a program that
            runs until the last block of the page is done.
        text: The code.
    """

    page: str
    line: int
    language: str
    info: str
    text: str

    @property
    def why_not_run(self):
        """The reason that the page gives for the tests not to run it, or ""."""
        is_run = not self.info.startswith(_NOT_RUN)
        return "" if is_run else self.info.removeprefix(_NOT_RUN)


def paths():
    """Returns the pages, by their paths below the root."""
    root = processes.ROOT
    found = [root / "README.md", root / "BUILD.md", *DOCS.rglob("*.md")]
    return sorted(path.relative_to(root).as_posix() for path in found)


def read(page):
    return (processes.ROOT / page).read_text(encoding="utf-8")


def blocks(page):
    """Returns the blocks of code of a page, in order."""
    text = read(page)
    return [
        Block(
            page,
            text.count("\n", 0, match.start()) + 1,
            language,
            info or "",
            code,
        )
        for match in _FENCE.finditer(text)
        for language, info, code in [match.groups()]
        if language in CODE
    ]


def commands(text):
    """Returns the command lines of a block, each with its continuations."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = (line.partition("  #")[0].strip() for line in joined.splitlines())
    return [line for line in lines if line]


def without_code(text):
    """Returns the text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def headings(text):
    """Returns the anchors of a page's headings, as GitHub and the site do."""
    anchors = set()
    for title in re.findall(r"^#+ (.+)$", without_code(text), re.M):
        title = re.sub(r"[`*]", "", title).strip().lower()
        anchors.add(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
    return anchors
